/** Values are n/64, so that any sum of them is exact in binary and in decimal: six digits hold every fraction. */
import { patchDigits } from './identifiers.ts'

/** Values lie below this. */
export const VALUE_LIMIT = 10_000
export const VALUE64_LIMIT = VALUE_LIMIT * 64
/** `9999.984375` */
export const VALUE_MAX_BYTES = 11

/** `.015625` for 1/64, nothing for 0. */
const fractions: readonly Uint8Array[] = Array.from({ length: 64 }, (_, n) =>
  Uint8Array.from(Buffer.from(String(n / 64).slice(1), 'latin1')),
)

/** Writes the shortest decimal text, the same as `String(value64 / 64)`; returns the offset behind it. */
export function writeValue(value64: number, target: Uint8Array, offset: number): number {
  const whole = value64 >>> 6
  const digits = whole < 10 ? 1 : whole < 100 ? 2 : whole < 1000 ? 3 : 4
  patchDigits(whole, digits, target, offset)
  const fraction = fractions[value64 & 63]
  if (fraction === undefined) return offset + digits
  target.set(fraction, offset + digits)
  return offset + digits + fraction.length
}
