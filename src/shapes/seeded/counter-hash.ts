/**
 * Randomness without state: word `w` of event `i` of seed `s` is a pure function of (s, i, w), so any part of a stream
 * can be made anywhere, in any order. Not cryptographic.
 */

/** A 32-bit finalizer with low bias ("lowbias32", Chris Wellons, https://nullprogram.com/blog/2018/07/31/). */
export function mix32(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}

export const TWO_TO_24 = 0x1000000
const TWO_TO_31 = 0x80000000
export const TWO_TO_32 = 0x100000000
const WORD_STEP = 0x9e3779b1

/** Words that every event needs are made at once: one small loop compiles better than a dozen inlined hashes. */
export const EAGER_WORDS = 7

/** Seated on one index at a time. */
export class CounterHash {
  readonly #keyA: number
  readonly #keyB: number
  /** The first words of the index, unsigned 32 bits each. */
  readonly words = new Uint32Array(EAGER_WORDS)
  /** The halves of the index, 24 bits each. */
  high = 0
  low = 0
  #a = 0
  #b = 0

  constructor(seed: number, purpose: number) {
    this.#keyA = mix32(mix32(seed) ^ Math.imul(purpose + 1, 0x85ebca6b))
    this.#keyB = mix32(this.#keyA ^ 0xc2b2ae35)
  }

  /** @param index 0 … 2^48 − 1 */
  seat(index: number): void {
    // Small indexes stay whole numbers all the way, and half as dear.
    const high = index < TWO_TO_31 ? index >> 24 : Math.floor(index / TWO_TO_24)
    const low = index & 0xffffff
    this.high = high
    this.low = low
    // Two independent 32-bit states: with one, 100 M events would hold many pairs that agree in every word.
    const a = mix32(this.#keyA ^ (low + Math.imul(high, 0x27d4eb2f))) | 0
    const b = mix32(this.#keyB + Math.imul(low, 0x165667b1) + high) | 0
    const { words } = this
    for (let position = 0, step = 0; position < EAGER_WORDS; position++) {
      words[position] = mix32((a + step) ^ b)
      step = (step + WORD_STEP) | 0
    }
    this.#a = a
    this.#b = b
  }

  /** A word beyond those: for what few events need. */
  lateWord(position: number): number {
    return mix32((this.#a + Math.imul(position, WORD_STEP)) ^ this.#b)
  }

  /** Whether an event with probability `threshold / 2^32` happens. */
  happens(position: number, threshold: number): boolean {
    return threshold > 0 && this.lateWord(position) < threshold
  }
}

/** A share 0…1 as a threshold for `happens`; 1 always happens. */
export function thresholdOf(ratio: number): number {
  return Math.round(ratio * TWO_TO_32)
}
