/** Fixed places in a template's bytes, each written over by the next event: patch the fields, then copy once. */

export const UUID_TEXT_BYTES = 36
export const UUID_TEMPLATE = '00000000-0000-0000-0000-000000000000'
export const TIMESTAMP_TEMPLATE = '2026-01-01T00:00:00.000Z'
const DAY_MS = 86_400_000

const hexHigh = new Uint8Array(256)
const hexLow = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) {
  const text = byte.toString(16).padStart(2, '0')
  hexHigh[byte] = text.charCodeAt(0)
  hexLow[byte] = text.charCodeAt(1)
}

/** A decimal number with leading zeros. */
export class DigitsField {
  readonly #bytes: Uint8Array
  readonly #first: number
  readonly #last: number

  constructor(bytes: Uint8Array, at: number, width: number) {
    this.#bytes = bytes
    this.#first = at
    this.#last = at + width - 1
  }

  /** @param value 0 … 2^31 − 1; higher digits than fit are cut off */
  write(value: number): void {
    let rest = value | 0
    for (let at = this.#last; at >= this.#first; at--) {
      const quotient = (rest / 10) | 0
      this.#bytes[at] = 48 + (rest - quotient * 10)
      rest = quotient
    }
  }
}

/** One of a few texts of the same length. */
export class TextField {
  readonly #bytes: Uint8Array
  readonly #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  write(text: Uint8Array): void {
    this.#bytes.set(text, this.#at)
  }
}

/** The hex digits of 128 bits; the template holds the dashes. */
export class UuidField {
  readonly #bytes: Uint8Array
  readonly #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  /** @param words four big-endian 32-bit words */
  write(words: Uint32Array): void {
    const bytes = this.#bytes
    const at = this.#at
    const w0 = words[0] ?? 0
    const w1 = words[1] ?? 0
    const w2 = words[2] ?? 0
    const w3 = words[3] ?? 0
    writePair(w0 >>> 16, bytes, at)
    writePair(w0 & 0xffff, bytes, at + 4)
    writePair(w1 >>> 16, bytes, at + 9)
    writePair(w1 & 0xffff, bytes, at + 14)
    writePair(w2 >>> 16, bytes, at + 19)
    writePair(w2 & 0xffff, bytes, at + 24)
    writePair(w3 >>> 16, bytes, at + 28)
    writePair(w3 & 0xffff, bytes, at + 32)
  }
}

function writePair(pair: number, bytes: Uint8Array, at: number): void {
  const high = pair >>> 8
  const low = pair & 255
  bytes[at] = hexHigh[high] ?? 0
  bytes[at + 1] = hexLow[high] ?? 0
  bytes[at + 2] = hexHigh[low] ?? 0
  bytes[at + 3] = hexLow[low] ?? 0
}

/** Epoch milliseconds as `2026-01-01T00:00:00.000Z`; only what changed since the last event is written. */
export class TimestampField {
  readonly #bytes: Uint8Array
  readonly #at: number
  readonly #hours: DigitsField
  readonly #minutes: DigitsField
  readonly #seconds: DigitsField
  readonly #ms: DigitsField
  #day = Number.NaN
  #second = -1

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
    this.#hours = new DigitsField(bytes, at + 11, 2)
    this.#minutes = new DigitsField(bytes, at + 14, 2)
    this.#seconds = new DigitsField(bytes, at + 17, 2)
    this.#ms = new DigitsField(bytes, at + 20, 3)
  }

  /** @param epochMs whole, years 0 … 9999 */
  write(epochMs: number): void {
    const day = Math.floor(epochMs / DAY_MS)
    if (day !== this.#day) this.#writeDay(day)
    const inDayMs = epochMs - day * DAY_MS
    const second = (inDayMs / 1000) | 0
    if (second !== this.#second) this.#writeSecond(second)
    this.#ms.write(inDayMs - second * 1000)
  }

  #writeDay(day: number): void {
    const text = new Date(day * DAY_MS).toISOString()
    for (let at = 0; at < 10; at++) this.#bytes[this.#at + at] = text.charCodeAt(at)
    this.#day = day
  }

  #writeSecond(second: number): void {
    const minutes = (second / 60) | 0
    const hours = (minutes / 60) | 0
    this.#hours.write(hours)
    this.#minutes.write(minutes - hours * 60)
    this.#seconds.write(second - minutes * 60)
    this.#second = second
  }
}

export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
