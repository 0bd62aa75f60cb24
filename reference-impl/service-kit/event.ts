/**
 * The door of billing events. In: one parsed JSON value. Out: an event every store can hold, or the reason why not.
 * Written by hand because each bad item of an array must be refused alone, with its reason; test/ holds it against the
 * schema in openapi.yaml.
 */
import { BILLING_COLUMNS } from '../../src/shapes/billing/columns.ts'
import { refuse, type Door, type ReadEvent } from './door.ts'
import { isTimestamp } from './timestamp.ts'

export interface IngestEvent {
  /** Lower case: PostgreSQL and ClickHouse print uuids so, and identity must not depend on spelling. */
  readonly organizationId: string
  readonly transactionId: string
  readonly externalCustomerId: string
  readonly code: string
  readonly timestamp: string
  /** JSON text of the properties object. */
  readonly properties: string
  /** Decimal text of the value, for the double and the decimal column alike; null where the event has none. */
  readonly value: string | null
}

/** Longer identifiers would not fit a B-tree entry together (2,704 bytes, nbtree.h) at four bytes a character. */
export const TEXT_LENGTH_MAX = 255
/** Below this a double holds six decimals exactly, and ClickHouse's Decimal(38, 12) holds it. */
export const VALUE_MAX = 1e15

const FIELDS: ReadonlySet<string> = new Set([
  'organization_id',
  'transaction_id',
  'external_customer_id',
  'code',
  'timestamp',
  'properties',
  'value',
])
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** What JSON.stringify writes for characters no store takes: NUL and lone surrogates. */
const UNSTORABLE_ESCAPE = /\\u(?:0000|d[89a-f][0-9a-f]{2})/

type Fields = Readonly<Record<string, unknown>>

export function readEvent(value: unknown): ReadEvent<IngestEvent> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('an event is a JSON object')
  }
  const fields = value as Fields
  const organizationId = readOrganization(fields['organization_id'])
  if (organizationId === null) return refuse('organization_id must be a UUID')
  const reason = textProblem(fields) ?? restProblem(fields)
  if (reason !== null) return refuse(reason)
  const properties = readProperties(fields['properties'])
  if (properties === null) {
    return refuse('properties must be an object without NUL characters or lone surrogates')
  }
  const amount = fields['value']
  return {
    ok: true,
    event: {
      organizationId,
      transactionId: fields['transaction_id'] as string,
      externalCustomerId: fields['external_customer_id'] as string,
      code: fields['code'] as string,
      timestamp: fields['timestamp'] as string,
      properties,
      value: typeof amount === 'number' ? String(amount) : null,
    },
  }
}

/** What makes two events the same one. */
function identityOf(event: IngestEvent): string {
  return `${event.organizationId}/${event.transactionId}`
}

export const BILLING_DOOR: Door<IngestEvent> = {
  columns: BILLING_COLUMNS,
  read: readEvent,
  identityOf,
}

export function readOrganization(value: unknown): string | null {
  if (typeof value !== 'string') return null
  if (UUID.test(value)) return value
  const lower = value.toLowerCase()
  return UUID.test(lower) ? lower : null
}

function textProblem(fields: Fields): string | null {
  if (!isText(fields['transaction_id'])) return textReason('transaction_id')
  if (!isText(fields['external_customer_id'])) return textReason('external_customer_id')
  if (!isText(fields['code'])) return textReason('code')
  return null
}

function textReason(field: string): string {
  return `${field} must be a text of 1 to ${String(TEXT_LENGTH_MAX)} characters without NUL or lone surrogates`
}

export function isText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0) return false
  if (value.length > TEXT_LENGTH_MAX && codePoints(value) > TEXT_LENGTH_MAX) return false
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at)
    if (unit === 0) return false
    if ((unit & 0xf800) === 0xd800) return !/\p{Surrogate}/u.test(value) && !value.includes('\0')
  }
  return true
}

/** Counts no further than it has to: the text may be megabytes long. */
function codePoints(text: string): number {
  return text.length > 2 * TEXT_LENGTH_MAX ? Infinity : Array.from(text).length
}

function restProblem(fields: Fields): string | null {
  const timestamp = fields['timestamp']
  if (typeof timestamp !== 'string' || !isTimestamp(timestamp)) {
    return 'timestamp must be RFC 3339 with a zone, in the years 1900 to 2299'
  }
  const value = fields['value']
  if (value !== undefined && value !== null && !isAmount(value)) {
    return 'value must be a number between -1e15 and 1e15'
  }
  for (const field in fields) {
    if (!FIELDS.has(field)) return `unknown field ${JSON.stringify(field.slice(0, 64))}`
  }
  return null
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value > -VALUE_MAX && value < VALUE_MAX
}

function readProperties(value: unknown): string | null {
  if (value === undefined) return '{}'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  let text: string
  try {
    text = JSON.stringify(value)
  } catch {
    // Nested deeper than the stack reaches: RangeError.
    return null
  }
  if (!text.includes('\\u')) return text
  // An escaped backslash before `u0000` is text, not an escape: pairs go first.
  return UNSTORABLE_ESCAPE.test(text.replaceAll('\\\\', '')) ? null : text
}
