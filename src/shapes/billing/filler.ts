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

/** The pool is made with the first slice: a reader of identities never needs it. */
export function makeFiller(options: FillerOptions): Filler {
  const maxBytes = options.meanBytes + spreadOf(options)
  let slices: readonly Uint8Array[] | null = null
  return {
    maxBytes,
    sliceOf: (index) => {
      slices ??= makeSlices(options, maxBytes)
      return slices[index % slices.length] ?? EMPTY
    },
  }
}

const EMPTY = new Uint8Array(0)

function spreadOf({ meanBytes }: FillerOptions): number {
  return Math.floor(meanBytes * SPREAD_RATIO)
}

function makeSlices(options: FillerOptions, maxBytes: number): readonly Uint8Array[] {
  const fitting = Math.floor(POOL_BYTES / Math.max(1, maxBytes))
  const count = Math.max(SLICES_MIN, Math.min(SLICES_MAX, 2 ** Math.floor(Math.log2(fitting))))
  const pool = makePool(options, count * maxBytes)
  const slices: Uint8Array[] = []
  for (let pair = 0; pair < count; pair += 2) {
    // In pairs of one shorter and one longer slice the mean is met exactly.
    const shift = mix32(options.seed + pair) % (spreadOf(options) + 1)
    const at = pair * maxBytes
    slices.push(pool.subarray(at, at + options.meanBytes - shift))
    slices.push(pool.subarray(at + maxBytes, at + maxBytes + options.meanBytes + shift))
  }
  return slices
}

function makePool({ seed, compressibleRatio }: FillerOptions, bytes: number): Uint8Array {
  // A plain Uint8Array: subarrays of a Buffer are Buffers, and slower to copy from.
  const pool = new Uint8Array(bytes)
  const repeating = Math.round(STRIPE_BYTES * compressibleRatio)
  const key = mix32(seed ^ 0x3c6ef372)
  for (let stripe = 0; stripe < bytes; stripe += STRIPE_BYTES) {
    const end = Math.min(stripe + STRIPE_BYTES, bytes)
    const randomFrom = Math.min(stripe + repeating, end)
    for (let at = stripe; at < randomFrom; at++) pool[at] = WORD[at % WORD.length] ?? 0
    let bits = 0
    for (let at = randomFrom; at < end; at++) {
      // One hash has 32 bits: enough for five letters of six.
      bits = (at - randomFrom) % 5 === 0 ? mix32(key + at) : bits >>> 6
      pool[at] = ALPHABET[bits & 63] ?? 0
    }
  }
  return pool
}
