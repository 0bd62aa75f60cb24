/**
 * Text that pads an event to its size. One pool is made once; an event takes one slice of it, so that padding costs a
 * single memory copy however large the payload is. Neighbouring events take neighbouring slices, which never overlap:
 * no compressor finds an event's random text in another one until the pool has been walked through.
 */
import { mix32 } from './counter-hash.ts'

const POOL_BYTES = 4 * 1024 * 1024
const SLICES_MIN = 64
const SLICES_MAX = 8_192
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
  /** The slice of event `index`. */
  sliceOf(index: number): Uint8Array
}

export interface FillerOptions {
  readonly seed: number
  readonly meanBytes: number
  /** 0 is random text, 1 one word over and over. */
  readonly compressibleRatio: number
}

export function makeFiller(options: FillerOptions): Filler {
  const { meanBytes, seed } = options
  const spread = Math.floor(meanBytes * SPREAD_RATIO)
  const maxBytes = meanBytes + spread
  const fitting = Math.floor(POOL_BYTES / Math.max(1, maxBytes))
  const count = Math.max(SLICES_MIN, Math.min(SLICES_MAX, 2 ** Math.floor(Math.log2(fitting))))
  const pool = makePool(options, count * maxBytes)
  const slices: Uint8Array[] = []
  for (let pair = 0; pair < count; pair += 2) {
    // In pairs of one shorter and one longer slice the mean is met exactly.
    const shift = mix32(seed + pair) % (spread + 1)
    const at = pair * maxBytes
    slices.push(pool.subarray(at, at + meanBytes - shift))
    slices.push(pool.subarray(at + maxBytes, at + maxBytes + meanBytes + shift))
  }
  const empty = new Uint8Array(0)
  return { maxBytes, sliceOf: (index) => slices[index % count] ?? empty }
}

function makePool({ seed, compressibleRatio }: FillerOptions, bytes: number): Uint8Array {
  // A plain Uint8Array: subarrays of a Buffer are Buffers, and slower to copy from.
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
