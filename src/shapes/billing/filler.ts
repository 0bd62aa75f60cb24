/**
 * Text that pads an event to its size. One pool is made once; an event takes one slice of it, so that padding costs a
 * single memory copy however large the payload is.
 */
import { mix32 } from './counter-hash.ts'

/** Large against the 64 KiB window of LZ4: two slices of one window hardly ever overlap. */
const POOL_BYTES = 4 * 1024 * 1024
const SLICES = 8_192
/** Repeating text and random text alternate in stripes of this length. */
const STRIPE_BYTES = 128
const WORD = Buffer.from('usage ', 'latin1')
const ALPHABET = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  'latin1',
)
/** Slices are up to this share of the mean shorter or longer. */
const SPREAD_RATIO = 0.25

export interface Filler {
  readonly maxBytes: number
  readonly meanBytes: number
  /** One of the slices, chosen by 32 random bits. */
  sliceOf(word: number): Uint8Array
}

export interface FillerOptions {
  readonly seed: number
  readonly meanBytes: number
  readonly compressibleRatio: number
}

export function makeFiller(options: FillerOptions): Filler {
  const { meanBytes } = options
  const spread = Math.floor(meanBytes * SPREAD_RATIO)
  const pool = makePool(options, POOL_BYTES + meanBytes + spread)
  const slices: Uint8Array[] = []
  for (let slice = 0; slice < SLICES; slice += 2) {
    // In pairs of one shorter and one longer slice the mean is met exactly.
    const shift = mix32(options.seed + slice) % (spread + 1)
    for (const [offset, bytes] of [
      [slice, meanBytes - shift],
      [slice + 1, meanBytes + shift],
    ] as const) {
      const at = offset * (POOL_BYTES / SLICES)
      slices.push(pool.subarray(at, at + bytes))
    }
  }
  const empty = new Uint8Array(0)
  return {
    maxBytes: meanBytes + spread,
    meanBytes,
    sliceOf: (word) => slices[word & (SLICES - 1)] ?? empty,
  }
}

function makePool({ seed, compressibleRatio }: FillerOptions, bytes: number): Uint8Array {
  // A plain Uint8Array: subarrays of a Buffer are Buffers, and slower to make.
  const pool = new Uint8Array(bytes)
  const repeating = Math.round(STRIPE_BYTES * compressibleRatio)
  const key = mix32(seed ^ 0x3c6ef372)
  for (let at = 0; at < bytes; at++) {
    const inStripe = at % STRIPE_BYTES
    pool[at] =
      inStripe < repeating ? (WORD[at % WORD.length] ?? 0) : (ALPHABET[mix32(key + at) & 63] ?? 0)
  }
  return pool
}
