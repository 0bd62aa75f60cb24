/**
 * Fixed places in a template's bytes, each written over by the next event: patch the fields, then copy once. Several
 * characters are written at a time, the first in the lowest byte, wherever they stand.
 */
import { assert } from '../../kit/errors.ts'

export const UUID_TEXT_BYTES = 36
export const UUID_TEMPLATE = '00000000-0000-0000-0000-000000000000'
export const TIMESTAMP_TEMPLATE = '2026-01-01T00:00:00.000Z'
const PIECE_BYTES = 8

/** Two characters each: the hex digits of a byte, the decimal digits of 0…99. */
const hexPairs = Uint16Array.from({ length: 256 }, (_, byte) => pairOf(byte.toString(16)))
const decimalPairs = Uint16Array.from({ length: 100 }, (_, number) => pairOf(String(number)))
/** `000Z` … `999Z`. */
const millisecondsZ = Uint32Array.from({ length: 1_000 }, (_, ms) => {
  return viewOf(latin1Bytes(`${String(ms).padStart(3, '0')}Z`)).getUint32(0, true)
})

/** Where the upper and the lower half of each of a UUID's four words stand in its text. */
const HIGH_DIGITS_AT = Uint8Array.of(0, 9, 19, 28)
const LOW_DIGITS_AT = Uint8Array.of(4, 14, 24, 32)

function pairOf(digits: string): number {
  const text = digits.padStart(2, '0')
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8)
}

/** The four digits of 0…9999, leading zeros included, as one word to be written low byte first. */
export function fourDigits(value: number): number {
  const high = (value / 100) | 0
  return (decimalPairs[high] ?? 0) | ((decimalPairs[value - high * 100] ?? 0) << 16)
}

/** A decimal number with leading zeros. */
export class DigitsField {
  readonly #view: DataView
  readonly #at: number
  readonly #width: number

  constructor(bytes: Uint8Array, at: number, width: number) {
    this.#view = viewOf(bytes)
    this.#at = at
    this.#width = width
  }

  /** @param value 0 … 2^31 − 1; higher digits than fit are cut off */
  write(value: number): void {
    let rest = value | 0
    let at = this.#at + this.#width - 2
    for (; at >= this.#at; at -= 2) {
      const quotient = (rest / 100) | 0
      this.#view.setUint16(at, decimalPairs[rest - quotient * 100] ?? 0, true)
      rest = quotient
    }
    if (at + 1 === this.#at) this.#view.setUint8(this.#at, 48 + (rest % 10))
  }
}

/** One of a few texts of the same length. */
export class TextField {
  readonly #view: DataView
  readonly #at: number
  readonly #lastAt: number

  /** @param length of every text that is written here: none, or eight bytes and more */
  constructor(bytes: Uint8Array, at: number, length: number) {
    this.#view = viewOf(bytes)
    this.#at = at
    this.#lastAt = at + length - PIECE_BYTES
  }

  /** @param pieces of `textPieces` */
  write(pieces: Float64Array): void {
    const last = pieces.length - 1
    if (last < 0) return
    let at = this.#at
    for (let piece = 0; piece < last; piece++) {
      this.#view.setFloat64(at, pieces[piece] ?? 0, true)
      at += PIECE_BYTES
    }
    this.#view.setFloat64(this.#lastAt, pieces[last] ?? 0, true)
  }
}

/** The hex digits of 128 bits; the template holds the dashes. */
export class UuidField {
  readonly #view: DataView
  readonly #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#view = viewOf(bytes)
    this.#at = at
  }

  /** @param words four big-endian 32-bit words */
  write(words: Uint32Array): void {
    for (let word = 0; word < 4; word++) {
      const bits = words[word] ?? 0
      this.#view.setUint32(this.#at + (HIGH_DIGITS_AT[word] ?? 0), hexDigits(bits >>> 16), true)
      this.#view.setUint32(this.#at + (LOW_DIGITS_AT[word] ?? 0), hexDigits(bits & 0xffff), true)
    }
  }
}

function hexDigits(pair: number): number {
  return (hexPairs[pair >>> 8] ?? 0) | ((hexPairs[pair & 255] ?? 0) << 16)
}

/** Epoch milliseconds as `2026-01-01T00:00:00.000Z`; only what changed since the last event is written. */
export class TimestampField {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #at: number
  #secondMs = Number.NaN

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
    this.#at = at
  }

  /** @param epochMs whole, years 0 … 9999 */
  write(epochMs: number): void {
    let ms = epochMs - this.#secondMs
    if (!(ms >= 0 && ms < 1_000)) ms = this.#writeSecond(epochMs)
    this.#view.setUint32(this.#at + 20, millisecondsZ[ms] ?? 0, true)
  }

  /** Writes all but the milliseconds; returns those. */
  #writeSecond(epochMs: number): number {
    this.#secondMs = Math.floor(epochMs / 1_000) * 1_000
    const text = new Date(this.#secondMs).toISOString()
    for (let at = 0; at < 20; at++) this.#bytes[this.#at + at] = text.charCodeAt(at)
    return epochMs - this.#secondMs
  }
}

export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

/**
 * A text for a TextField, eight bytes to a piece; the last piece ends with the text, so that it may overlap. As floating
 * point numbers because there are no wider integers to move: ASCII is never one of those that a processor may change.
 */
export function textPieces(text: string): Float64Array {
  assert(text.length === 0 || text.length >= PIECE_BYTES, 'a text is empty or fills a piece')
  const view = viewOf(latin1Bytes(text))
  return Float64Array.from({ length: Math.ceil(text.length / PIECE_BYTES) }, (_, piece) =>
    view.getFloat64(Math.min(piece * PIECE_BYTES, text.length - PIECE_BYTES), true),
  )
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
