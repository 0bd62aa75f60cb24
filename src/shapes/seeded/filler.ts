/**
 * Text that pads an event to its size, with the bytes that follow it. One pool is made once; an event takes one slot of
 * it and writes its value there, so that padding costs a single memory copy however large the payload is. Neighbouring
 * events take neighbouring slots, which never overlap: no compressor finds an event's random text in another one until
 * the pool has been walked through.
 */
import { viewOf } from './fields.ts'
import { mix32 } from './counter-hash.ts'

const POOL_BYTES = 4 * 1024 * 1024
const SLOTS_MIN = 64
const SLOTS_MAX = 8_192
/** Repeating text and random text alternate in stripes of this length. */
const STRIPE_BYTES = 128
const WORD = Buffer.from('usage ', 'latin1')
const ALPHABET = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  'latin1',
)
/** Fillers are up to this share of the mean shorter or longer. */
const SPREAD_RATIO = 0.25

/** The slots of a pool: filler, what stands behind it, and room for what the event writes there itself. */
export interface FillerSlots {
  /** The whole of each slot, with its room. A power of two of them: `index & mask` is an event's slot. */
  readonly bytes: readonly Uint8Array[]
  readonly mask: number
  /** Of the pool. */
  readonly view: DataView
  /** Slots start this far apart. */
  readonly slotBytes: number
  /** Where in the pool each slot's room is. */
  readonly roomAt: Uint32Array
}

export interface FillerOptions {
  readonly seed: number
  readonly meanBytes: number
  /** 0 is random text, 1 one word over and over. */
  readonly compressibleRatio: number
  /** Bytes that every slot's filler is followed by. */
  readonly behind: Uint8Array
  /** Bytes behind those that the event writes. */
  readonly roomBytes: number
}

export class Filler {
  /** Of one slot, its room included. */
  readonly maxBytes: number
  readonly #options: FillerOptions
  #slots: FillerSlots | null = null

  constructor(options: FillerOptions) {
    this.#options = options
    const { meanBytes, behind, roomBytes } = options
    this.maxBytes = meanBytes + spreadOf(options) + behind.length + roomBytes
  }

  /** Made with the first event: a reader of identities never needs them. */
  get slots(): FillerSlots {
    return (this.#slots ??= makeSlots(this.#options, this.maxBytes))
  }
}

function spreadOf({ meanBytes }: FillerOptions): number {
  return Math.floor(meanBytes * SPREAD_RATIO)
}

/** What a slot's filler is does not depend on what stands behind it: JSON and COPY rows carry the same text. */
function makeSlots(options: FillerOptions, maxBytes: number): FillerSlots {
  const { meanBytes, behind, roomBytes, seed } = options
  const fillerMaxBytes = meanBytes + spreadOf(options)
  const fitting = Math.max(1, Math.floor(POOL_BYTES / Math.max(1, fillerMaxBytes)))
  const count = Math.max(SLOTS_MIN, Math.min(SLOTS_MAX, 2 ** Math.floor(Math.log2(fitting))))
  // A plain Uint8Array: subarrays of a Buffer are Buffers, and slower to copy from.
  const pool = new Uint8Array(count * maxBytes)
  const bytes: Uint8Array[] = []
  const roomAt = new Uint32Array(count)
  const cut = (fillerBytes: number): void => {
    const slot = bytes.length
    const at = slot * maxBytes
    writeFiller(pool.subarray(at, at + fillerBytes), slot * fillerMaxBytes, options)
    pool.set(behind, at + fillerBytes)
    roomAt[slot] = at + fillerBytes + behind.length
    bytes.push(pool.subarray(at, at + fillerBytes + behind.length + roomBytes))
  }
  for (let pair = 0; pair < count; pair += 2) {
    // In pairs of one shorter and one longer slot the mean is met exactly.
    const shift = mix32(seed + pair) % (spreadOf(options) + 1)
    cut(meanBytes - shift)
    cut(meanBytes + shift)
  }
  return { bytes, mask: count - 1, view: viewOf(pool), slotBytes: maxBytes, roomAt }
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
