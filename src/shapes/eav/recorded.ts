/** A record of the user's file in, an attribute write out: what is read of it, and how it is sent and copied. */
import { escapeCopy } from '../recorded/copy-escapes.ts'
import { mappedName, type Mapping } from '../recorded/mapping.ts'
import {
  amountOf,
  MalformedRecord,
  refuseNul,
  shown,
  sourceUuid,
  textOf,
  timeOf,
  type RecordFields,
} from '../recorded/record-fields.ts'
import type { RecordedForm, RecordedIdentity } from '../recorded/recorded-form.ts'

interface RecordedWrite extends RecordedIdentity {
  readonly entityId: number
  readonly attribute: string
  /** A number stays one: its weight is itself. */
  readonly written: string | number
  readonly critical: boolean
  readonly note: string | null
}

export const recordedEav: RecordedForm<RecordedWrite> = { read: readWrite, jsonText, copyRowText }

/** @throws MalformedRecord for the first field that cannot be used */
function readWrite(fields: RecordFields, mapping: Mapping): RecordedWrite {
  const nameOf = (field: string): string => mappedName(mapping, field) ?? field
  const written = valueOf(fields, nameOf('value'))
  const weight = mappedName(mapping, 'weight')
  const critical = mappedName(mapping, 'critical')
  const note = mappedName(mapping, 'note')
  return {
    source: sourceUuid(textOf(fields, nameOf('tenant_id'))),
    id: textOf(fields, nameOf('write_id')),
    entityId: entityOf(fields, nameOf('entity_id')),
    attribute: textOf(fields, nameOf('attribute')),
    timeMs: timeOf(fields, nameOf('written_at')),
    written,
    value: typeof written === 'number' ? written : weight === null ? 0 : amountOf(fields, weight),
    critical: critical !== null && isTrue(fields(critical)),
    note: note === null || isAbsent(fields(note)) ? null : textOf(fields, note),
  }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === 't' || value === 1 || value === '1'
}

/** CSV has no types: what reads as a number is one. */
function valueOf(fields: RecordFields, path: string): string | number {
  const value = fields(path)
  if (typeof value === 'number') return value
  const text = textOf(fields, path)
  refuseNul(text, path)
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
}

function entityOf(fields: RecordFields, path: string): number {
  const value = fields(path)
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw new MalformedRecord(path, `expected a whole number of at least 0, found ${shown(value)}`)
}

function jsonText(write: RecordedWrite): string {
  const { written, critical, note } = write
  const fields = [
    `"tenant_id":"${write.source}"`,
    `"write_id":${JSON.stringify(write.id)}`,
    `"entity_id":${String(write.entityId)}`,
    `"written_at":"${new Date(write.timeMs).toISOString()}"`,
    ...(note === null ? [] : [`"note":${JSON.stringify(note)}`]),
    `"attribute":${JSON.stringify(write.attribute)}`,
    ...(critical ? ['"critical":true'] : []),
    `"value":${JSON.stringify(written)}`,
    ...(typeof written === 'number' ? [] : [`"weight":${String(write.value)}`]),
  ]
  return `{${fields.join(',')}}`
}

function copyRowText(write: RecordedWrite): string {
  const { written, note } = write
  const columns = [
    write.source,
    escapeCopy(write.id),
    String(write.entityId),
    new Date(write.timeMs).toISOString(),
    note === null ? '\\N' : escapeCopy(note),
    escapeCopy(write.attribute),
    typeof written === 'number' ? 'number' : 'text',
    write.critical ? 't' : 'f',
    typeof written === 'number' ? String(written) : escapeCopy(written),
    String(write.value),
  ]
  return `${columns.join('\t')}\n`
}
