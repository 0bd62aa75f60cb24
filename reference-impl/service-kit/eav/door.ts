/**
 * The door of attribute writes. In: one parsed JSON value. Out: a write that staging, time series and projection can hold,
 * or the reason why not.
 */
import { EAV_COLUMNS } from '../../../src/shapes/eav/columns.ts'
import { refuse, type Door, type ReadEvent } from '../door.ts'
import { isText, readOrganization, TEXT_LENGTH_MAX, VALUE_MAX } from '../event.ts'
import { isTimestamp } from '../timestamp.ts'

export interface AttributeWrite {
  readonly tenantId: string
  readonly writeId: string
  readonly entityId: number
  readonly attribute: string
  /** As text; a number prints its shortest form. */
  readonly value: string
  readonly dataType: 'number' | 'text'
  /** A number counts for itself; a text for what it brings, or nothing. */
  readonly weight: number | null
  readonly critical: boolean
  readonly writtenAt: string
  readonly note: string | null
}

/** A text value is part of an index entry, beside other columns: an eighth of a page is the most that fits. */
const VALUE_LENGTH_MAX = 512
const NOTE_LENGTH_MAX = 65_536

type Fields = Readonly<Record<string, unknown>>

const FIELDS: ReadonlySet<string> = new Set([
  'tenant_id',
  'write_id',
  'entity_id',
  'written_at',
  'note',
  'attribute',
  'critical',
  'value',
  'weight',
])

export const EAV_DOOR: Door<AttributeWrite> = {
  columns: EAV_COLUMNS,
  read: readWrite,
  identityOf: ({ tenantId, writeId }) => `${tenantId}/${writeId}`,
}

function readWrite(given: unknown): ReadEvent<AttributeWrite> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return refuse('a write is a JSON object')
  }
  const fields = given as Fields
  const tenantId = readOrganization(fields['tenant_id'])
  if (tenantId === null) return refuse('tenant_id must be a UUID')
  const reason = identityProblem(fields) ?? valueProblem(fields) ?? restProblem(fields)
  if (reason !== null) return refuse(reason)
  const { value, weight, note } = fields
  const isNumber = typeof value === 'number'
  return {
    ok: true,
    event: {
      tenantId,
      writeId: fields['write_id'] as string,
      entityId: fields['entity_id'] as number,
      attribute: fields['attribute'] as string,
      value: String(value),
      dataType: isNumber ? 'number' : 'text',
      weight: isNumber ? value : typeof weight === 'number' ? weight : null,
      critical: fields['critical'] === true,
      writtenAt: fields['written_at'] as string,
      note: typeof note === 'string' ? note : null,
    },
  }
}

function identityProblem(fields: Fields): string | null {
  for (const name of ['write_id', 'attribute'] as const) {
    if (!isText(fields[name])) {
      return `${name} must be a text of 1 to ${String(TEXT_LENGTH_MAX)} characters without NUL or lone surrogates`
    }
  }
  const entity = fields['entity_id']
  const isEntity = typeof entity === 'number' && Number.isSafeInteger(entity) && entity >= 0
  return isEntity ? null : 'entity_id must be a whole number from 0 to 2^53 - 1'
}

function valueProblem({ value, weight }: Fields): string | null {
  if (typeof value === 'number') {
    if (!isAmount(value)) return 'value must be a number between -1e15 and 1e15, or a text'
    return weight === undefined ? null : 'weight is for texts: a number counts for itself'
  }
  if (!isStorable(value, VALUE_LENGTH_MAX)) {
    return `value must be a number or a text of at most ${String(VALUE_LENGTH_MAX)} characters without NUL or lone surrogates`
  }
  return weight === undefined || isAmount(weight)
    ? null
    : 'weight must be a number between -1e15 and 1e15'
}

function restProblem(fields: Fields): string | null {
  const { written_at: time, critical, note } = fields
  if (typeof time !== 'string' || !isTimestamp(time)) {
    return 'written_at must be RFC 3339 with a zone, in the years 1900 to 2299'
  }
  if (critical !== undefined && typeof critical !== 'boolean') return 'critical must be a boolean'
  if (note !== undefined && !isStorable(note, NOTE_LENGTH_MAX)) {
    return `note must be a text of at most ${String(NOTE_LENGTH_MAX)} characters without NUL or lone surrogates`
  }
  for (const field in fields) {
    if (!FIELDS.has(field)) return `unknown field ${JSON.stringify(field.slice(0, 64))}`
  }
  return null
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value > -VALUE_MAX && value < VALUE_MAX
}

function isStorable(value: unknown, lengthMax: number): boolean {
  if (typeof value !== 'string' || value.length > 2 * lengthMax) return false
  if (value.length > lengthMax && Array.from(value).length > lengthMax) return false
  return !value.includes('\0') && !/\p{Surrogate}/u.test(value)
}
