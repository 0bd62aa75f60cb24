/** Values are n/64, so that any sum of them is exact in binary and in decimal: six digits hold every fraction. */

/** Values lie below this. */
export const VALUE_LIMIT = 10_000
export const VALUE64_LIMIT = VALUE_LIMIT * 64
/** `9999.984375` */
export const VALUE_MAX_BYTES = 11
/** Mean length of the value text over all 640,000 values. */
export const VALUE_MEAN_BYTES = 9.889

const FRACTION_STRIDE = 8
/** `.015625` for 1/64, nothing for 0: the text, then its length in the last byte of the stride. */
const fractions = new Uint8Array(64 * FRACTION_STRIDE)
for (let n = 0; n < 64; n++) {
  const text = String(n / 64).slice(1)
  fractions.set(Buffer.from(text, 'latin1'), n * FRACTION_STRIDE)
  fractions[n * FRACTION_STRIDE + FRACTION_STRIDE - 1] = text.length
}

/** Writes the shortest decimal text, the same as `String(value64 / 64)`; returns the offset behind it. */
export function writeValue(value64: number, target: Uint8Array, offset: number): number {
  const whole = value64 >>> 6
  let end = offset
  if (whole >= 1000) target[end++] = 48 + ((whole / 1000) | 0)
  if (whole >= 100) target[end++] = 48 + (((whole / 100) | 0) % 10)
  if (whole >= 10) target[end++] = 48 + (((whole / 10) | 0) % 10)
  target[end++] = 48 + (whole % 10)
  const at = (value64 & 63) * FRACTION_STRIDE
  const length = fractions[at + FRACTION_STRIDE - 1] ?? 0
  for (let position = at; position < at + length; position++) {
    target[end++] = fractions[position] ?? 0
  }
  return end
}
