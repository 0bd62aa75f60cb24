/**
 * Events as rows of COPY in binary format. In: events. Out: the whole stream, header and trailer included. Values mean
 * what PostgreSQL makes of the same event as text: fractions of a second are rounded to microseconds, numbers are exact.
 * Formats: https://www.postgresql.org/docs/18/sql-copy.html, and recv functions of each type.
 */
import type { IngestEvent } from '../event.ts'

const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const TRAILER_BYTES = 2
const JSONB_VERSION = 1
const EPOCH_2000_MS = Date.UTC(2000, 0, 1)
/** Of a row whatever its texts are: lengths, position, uuid, time, both values with room for any double. */
const FIXED_ROW_BYTES = 256
/** A character of a JavaScript string is at most three bytes of UTF-8. */
const UTF8_BYTES_MAX = 3

export function binaryRows(events: readonly IngestEvent[], into: 'staging' | 'table'): Buffer {
  const rows = new Rows(roomFor(events))
  for (const [position, event] of events.entries()) {
    rows.int16(into === 'staging' ? 9 : 8)
    if (into === 'staging') {
      rows.int32(4)
      rows.int32(position)
    }
    rows.uuid(event.organizationId)
    rows.text(event.transactionId)
    rows.text(event.externalCustomerId)
    rows.text(event.code)
    rows.timestamp(event.timestamp)
    rows.jsonb(event.properties)
    rows.float8(event.value)
    rows.numeric(event.value)
  }
  return rows.end()
}

function roomFor(events: readonly IngestEvent[]): number {
  let bytes = HEADER.length + TRAILER_BYTES
  for (const { transactionId, externalCustomerId, code, properties, value } of events) {
    const characters =
      transactionId.length + externalCustomerId.length + code.length + properties.length
    bytes += FIXED_ROW_BYTES + UTF8_BYTES_MAX * characters + numericRoom(value)
  }
  return bytes
}

/** `5e-324` is short as text and 326 places long. */
function numericRoom(value: string | null): number {
  return value?.includes('e') === true ? 1_024 : 0
}

class Rows {
  readonly #buffer: Buffer
  #at = HEADER.length

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes)
    HEADER.copy(this.#buffer)
  }

  int16(value: number): void {
    this.#at = this.#buffer.writeInt16BE(value, this.#at)
  }

  int32(value: number): void {
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
  }

  uuid(text: string): void {
    this.int32(16)
    this.#at += this.#buffer.write(text.replaceAll('-', ''), this.#at, 'hex')
  }

  text(text: string): void {
    const bytes = this.#buffer.write(text, this.#at + 4, 'utf8')
    this.int32(bytes)
    this.#at += bytes
  }

  jsonb(text: string): void {
    const bytes = this.#buffer.write(text, this.#at + 5, 'utf8')
    this.int32(bytes + 1)
    this.#at = this.#buffer.writeInt8(JSONB_VERSION, this.#at) + bytes
  }

  timestamp(text: string): void {
    this.int32(8)
    this.#at = this.#buffer.writeBigInt64BE(microsecondsOf(text), this.#at)
  }

  float8(text: string | null): void {
    if (text === null) {
      this.int32(-1)
      return
    }
    this.int32(8)
    this.#at = this.#buffer.writeDoubleBE(Number(text), this.#at)
  }

  numeric(text: string | null): void {
    if (text === null) {
      this.int32(-1)
      return
    }
    const { negative, scale, weight, groups } = numericOf(text)
    this.int32(8 + 2 * groups.length)
    this.int16(groups.length)
    this.int16(weight)
    this.int16(negative ? 0x4000 : 0)
    this.int16(scale)
    for (const group of groups) this.int16(group)
  }

  end(): Buffer {
    this.int16(-1)
    return this.#buffer.subarray(0, this.#at)
  }
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/

/** Since 2000; the text is one that the door let in. */
function microsecondsOf(text: string): bigint {
  const found = TIMESTAMP.exec(text)
  if (found === null) throw new Error('an event without an RFC 3339 timestamp passed the door')
  const part = (index: number): number => Number(found[index] ?? 0)
  const localMs = Date.UTC(part(1), part(2) - 1, part(3), part(4), part(5), part(6))
  const offsetMs = (part(9) * 60 + part(10)) * 60_000 * (found[8] === '-' ? -1 : 1)
  const wholeMs = localMs - offsetMs - EPOCH_2000_MS
  return BigInt(wholeMs) * 1_000n + BigInt(roundedToEven(part(7) * 1e6))
}

/** As rint() does, which PostgreSQL uses for the digits beyond microseconds. */
function roundedToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

interface Numeric {
  readonly negative: boolean
  /** Decimal places. */
  readonly scale: number
  /** Power of 10,000 of the first group. */
  readonly weight: number
  /** Digits to the base of 10,000, without zeros at either end. */
  readonly groups: readonly number[]
}

const NUMBER = /^-?([\d.]+)(?:e(.+))?$/

/** @param text a number as JavaScript writes it: `-12345.015625`, `1e-7` */
function numericOf(text: string): Numeric {
  const negative = text.startsWith('-')
  const [, mantissa = '', exponentText = '0'] = NUMBER.exec(text) ?? []
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = whole + fraction
  const exponent = Number(exponentText)
  // Where the point stands among the digits; zeros fill what is missing on either side of it.
  const point = whole.length + exponent
  const before = point > 0 ? digits.slice(0, point).padEnd(point, '0') : ''
  const after = point >= 0 ? digits.slice(point) : '0'.repeat(-point) + digits
  const integers = before.padStart(Math.ceil(before.length / 4) * 4, '0')
  const fractions = after.padEnd(Math.ceil(after.length / 4) * 4, '0')
  const all = (integers + fractions).match(/.{4}/g)?.map(Number) ?? []
  const first = all.findIndex((group) => group !== 0)
  if (first < 0) return { negative: false, scale: after.length, weight: 0, groups: [] }
  const last = all.findLastIndex((group) => group !== 0)
  return {
    negative,
    scale: after.length,
    weight: integers.length / 4 - 1 - first,
    groups: all.slice(first, last + 1),
  }
}
