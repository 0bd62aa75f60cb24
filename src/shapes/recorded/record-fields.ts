/** A record of the user's file in, its fields out one by one, each as a shape wants it, or what is wrong with it. */
import { createHash } from 'node:crypto'
import { parseCsvRecord } from './csv-record.ts'

/** Thrown while a record is read; its path is the file's own name for the field. */
export class MalformedRecord extends Error {
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

/** Looks a field up by its header or dotted path; undefined where the record has none. */
export type RecordFields = (path: string) => unknown

/** @throws MalformedRecord when the text is no JSON object */
export function ndjsonFields(text: string): RecordFields {
  const document = parseObject(text)
  return (path) => {
    if (Object.hasOwn(document, path)) return document[path]
    let value: unknown = document
    for (const key of path.split('.')) {
      if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
      value = value[key]
    }
    return value
  }
}

/** @throws MalformedRecord when the text is no CSV record or has another number of fields than the header */
export function csvFields(text: string, columns: ReadonlyMap<string, number>): RecordFields {
  const parsed = parseCsvRecord(text)
  if (parsed.state === 'malformed') throw new MalformedRecord('', parsed.because)
  const { fields } = parsed
  if (fields.length !== columns.size) {
    const counts = `${String(fields.length)} fields, the header has ${String(columns.size)}`
    throw new MalformedRecord('', counts)
  }
  return (path) => {
    const column = columns.get(path)
    return column === undefined ? undefined : fields[column]
  }
}

function parseObject(text: string): Record<string, unknown> {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw new MalformedRecord('', `not JSON: ${error instanceof Error ? error.message : ''}`)
  }
  if (!isObject(document)) throw new MalformedRecord('', 'not a JSON object')
  return document
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws MalformedRecord */
export function textOf(fields: RecordFields, path: string): string {
  const value = fields(path)
  const text = typeof value === 'number' ? String(value) : value
  if (text === undefined) throw new MalformedRecord(path, 'is missing')
  if (typeof text !== 'string' || text === '') {
    throw new MalformedRecord(path, `expected text, found ${shown(value)}`)
  }
  refuseNul(text, path)
  return text
}

/** PostgreSQL stores no NUL character, in text or in jsonb. */
export function refuseNul(text: string, path: string): void {
  if (text.includes('\u0000') || text.includes('\\u0000')) {
    throw new MalformedRecord(path, 'holds a NUL character, which PostgreSQL cannot store')
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const ORGANIZATIONS_KEPT_MAX = 100_000
const uuidByName = new Map<string, string>()

/** A UUID stays itself; any other name becomes one of RFC 9562 version 8, always the same for the same name. */
export function sourceUuid(name: string): string {
  if (UUID.test(name)) return name.toLowerCase()
  const known = uuidByName.get(name)
  if (known !== undefined) return known
  const hash = createHash('sha256').update('headroom organization\n').update(name).digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = hash.toString('hex', 0, 16)
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
  const uuid = [...parts, hex.slice(20)].join('-')
  if (uuidByName.size >= ORGANIZATIONS_KEPT_MAX) uuidByName.clear()
  uuidByName.set(name, uuid)
  return uuid
}

const WITH_ZONE = /(?:z|[+-]\d\d:?\d\d)$/i
const DATE_AND_TIME = /^\d{4}-\d\d-\d\d[T ]\d/
/** The years 0001 … 9999: what an ISO text of fixed length can say. */
const TIME_MIN_MS = -62_135_596_800_000
const TIME_MAX_MS = 253_402_300_799_999

/** Whole epoch milliseconds. @throws MalformedRecord */
export function timeOf(fields: RecordFields, path: string): number {
  const value = fields(path)
  if (value === undefined) throw new MalformedRecord(path, 'is missing')
  const timeMs = typeof value === 'number' ? epochMs(value) : textTimeMs(value)
  if (Number.isNaN(timeMs) || timeMs < TIME_MIN_MS || timeMs > TIME_MAX_MS) {
    throw new MalformedRecord(path, `expected a time (ISO 8601 or epoch), found ${shown(value)}`)
  }
  return Math.floor(timeMs)
}

function textTimeMs(value: unknown): number {
  if (typeof value !== 'string') return Number.NaN
  const text = value.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return epochMs(Number(text))
  // Without a zone JavaScript would read the machine's own; two machines would replay two different files.
  if (DATE_AND_TIME.test(text) && !WITH_ZONE.test(text)) return Date.parse(`${text}Z`)
  return Date.parse(text)
}

/** Seconds, milliseconds, microseconds or nanoseconds, told apart by size: all mean a time after 1973. */
function epochMs(value: number): number {
  if (value < 1e11) return value * 1000
  if (value < 1e14) return value
  return value < 1e17 ? value / 1000 : value / 1_000_000
}

/** 0 where there is none. @throws MalformedRecord */
export function amountOf(fields: RecordFields, path: string): number {
  const value = fields(path)
  if (value === undefined || value === null || value === '') return 0
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    throw new MalformedRecord(path, `expected a number, found ${shown(value)}`)
  }
  return number
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
