/**
 * Text that pads an event to its size, with the bytes that follow it. One pool is made once; an event takes one slice of
 * it, so that padding costs a single memory copy however large the payload is. Neighbouring events take neighbouring slices, which never overlap:
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
  /** With what stands behind it. */
  readonly maxBytes: number
  /** Filler of event `index` and what stands behind it. */
  sliceOf(index: number): Uint8Array
}

export interface FillerOptions {
  readonly seed: number
  readonly meanBytes: number
  /** 0 is random text, 1 one word over and over. */
  readonly compressibleRatio: number
  /** Bytes that every slice ends with. */
  readonly behind: Uint8Array
}

/** The pool is made with the first slice: a reader of identities never needs it. */
export function makeFiller(options: FillerOptions): Filler {
  const maxBytes = options.meanBytes + spreadOf(options) + options.behind.length
  let slices: readonly Uint8Array[] | null = null
  return {
    maxBytes,
    sliceOf: (index) => {
      slices ??= makeSlices(options, maxBytes)
      return slices[index % slices.length] ?? options.behind
    },
  }
}

function spreadOf({ meanBytes }: FillerOptions): number {
  return Math.floor(meanBytes * SPREAD_RATIO)
}

/** What a slice holds does not depend on what stands behind it: JSON and COPY rows carry the same text. */
function makeSlices(options: FillerOptions, maxBytes: number): readonly Uint8Array[] {
  const { meanBytes, behind, seed } = options
  const fillerMaxBytes = maxBytes - behind.length
  const fitting = Math.max(1, Math.floor(POOL_BYTES / Math.max(1, fillerMaxBytes)))
  const count = Math.max(SLICES_MIN, Math.min(SLICES_MAX, 2 ** Math.floor(Math.log2(fitting))))
  // A plain Uint8Array: subarrays of a Buffer are Buffers, and slower to copy from.
  const pool = new Uint8Array(count * maxBytes)
  const slices: Uint8Array[] = []
  const cut = (bytes: number): void => {
    const slice = pool.subarray(slices.length * maxBytes, slices.length * maxBytes + bytes)
    writeFiller(slice, slices.length * fillerMaxBytes, options)
    pool.set(behind, slices.length * maxBytes + bytes)
    slices.push(new Uint8Array(pool.buffer, slice.byteOffset, bytes + behind.length))
  }
  for (let pair = 0; pair < count; pair += 2) {
    // In pairs of one shorter and one longer slice the mean is met exactly.
    const shift = mix32(seed + pair) % (spreadOf(options) + 1)
    cut(meanBytes - shift)
    cut(meanBytes + shift)
  }
  return slices
}

/** @param from position in the endless text of which every slice is a part */
function writeFiller(slice: Uint8Array, from: number, options: FillerOptions): void {
  const repeating = Math.round(STRIPE_BYTES * options.compressibleRatio)
  const key = mix32(options.seed ^ 0x3c6ef372)
  let bits = 0
  for (let at = 0; at < slice.length; at++) {
    const inRandom = ((from + at) % STRIPE_BYTES) - repeating
    if (inRandom < 0) {
      slice[at] = WORD[(from + at) % WORD.length] ?? 0
      continue
    }
    // One hash has 32 bits: enough for five letters of six.
    bits = inRandom % 5 === 0 || at === 0 ? mix32(key + from + at) : bits >>> 6
    slice[at] = ALPHABET[bits & 63] ?? 0
  }
}
