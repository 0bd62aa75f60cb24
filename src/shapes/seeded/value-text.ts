/** Values are n/64, so that any sum of them is exact in binary and in decimal: six digits hold every fraction. */
import { fourDigits, textPieces } from './fields.ts'

/** Values lie below this. */
export const VALUE_LIMIT = 10_000
export const VALUE64_LIMIT = VALUE_LIMIT * 64
/** `9999.984375` */
export const VALUE_MAX_BYTES = 11
/** Mean length of the value text over all 640,000 values. */
export const VALUE_MEAN_BYTES = 9.889

/** A fraction and the character behind it, `.984375}`. */
const FRACTION_MAX_BYTES = 8

/** The shortest decimal text of a value, the same as `String(value64 / 64)`, and one character that ends it. */
export class ValueText {
  /** For each of the 64 fractions: its text and the end, and how long they are. */
  readonly #fractions = new Float64Array(64)
  readonly #lengths = new Uint8Array(64)

  /** @param end one character */
  constructor(end: string) {
    for (let n = 0; n < 64; n++) {
      const text = String(n / 64).slice(1) + end
      this.#fractions.set(textPieces(text.padEnd(FRACTION_MAX_BYTES, end)), n)
      this.#lengths[n] = text.length
    }
  }

  /** Writes over VALUE_MAX_BYTES + 1 bytes whatever the length, so that no digit costs a branch; returns the offset behind the end. */
  write(value64: number, view: DataView, offset: number): number {
    const whole = value64 >>> 6
    const n = value64 & 63
    const digits = whole >= 1_000 ? 4 : whole >= 100 ? 3 : whole >= 10 ? 2 : 1
    // The first character is the lowest byte: leading zeros are shifted out.
    view.setUint32(offset, fourDigits(whole) >>> (32 - 8 * digits), true)
    view.setFloat64(offset + digits, this.#fractions[n] ?? 0, true)
    return offset + digits + (this.#lengths[n] ?? 0)
  }
}
