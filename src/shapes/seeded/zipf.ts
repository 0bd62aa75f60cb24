/** Draws ranks 0…n−1 with probability ∝ 1/(rank+1)^exponent, O(1) per draw (Walker's alias method). */

import { TWO_TO_32 } from './counter-hash.ts'

export interface RankTable {
  /** One uniform 32-bit word in, a rank out. */
  rankOf(word: number): number
}

/** @param count at least 1; 8 bytes of memory each. @param exponent 0 is uniform. */
export function zipfTable(count: number, exponent: number): RankTable {
  return exponent === 0 ? new UniformRanks(count) : new ZipfRanks(count, exponent)
}

class UniformRanks implements RankTable {
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  rankOf(word: number): number {
    return Math.floor((word * this.#count) / TWO_TO_32)
  }
}

class ZipfRanks implements RankTable {
  readonly #count: number
  readonly #keep: Uint32Array
  readonly #alias: Uint32Array

  constructor(count: number, exponent: number) {
    const { keep, alias } = aliasTable(count, exponent)
    this.#count = count
    this.#keep = keep
    this.#alias = alias
  }

  rankOf(word: number): number {
    const scaled = word * this.#count
    const rank = Math.floor(scaled / TWO_TO_32)
    // What the rank left of the word is uniform again, in steps of `count`: the coin, without a second word.
    const coin = (scaled - rank * TWO_TO_32) | 0
    const keep = (this.#keep[rank] ?? 0) | 0
    // coin > keep, unsigned, as the borrow of keep − coin: no processor can guess what a coin shows.
    const borrow = ((~keep & coin) | ((~keep | coin) & (keep - coin))) >> 31
    return rank ^ ((rank ^ (this.#alias[rank] ?? 0)) & borrow)
  }
}

/** `keep[k]` is the probability of staying at k, as a 32-bit threshold; else `alias[k]` is taken. */
function aliasTable(count: number, exponent: number): { keep: Uint32Array; alias: Uint32Array } {
  const weights = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank++) {
    const weight = (rank + 1) ** -exponent
    weights[rank] = weight
    total += weight
  }
  for (let rank = 0; rank < count; rank++) {
    weights[rank] = ((weights[rank] ?? 0) * count) / total
  }
  const keep = new Uint32Array(count).fill(TWO_TO_32 - 1)
  const alias = new Uint32Array(count)
  // Weights fall with the rank, so the two work lists of Walker's method are two cursors: no memory beside the tables.
  let large = 0
  const pairs = (small: number): void => {
    keep[small] = Math.max(0, Math.min(TWO_TO_32 - 1, (weights[small] ?? 0) * TWO_TO_32 - 1))
    alias[small] = large
    weights[large] = (weights[large] ?? 0) + (weights[small] ?? 0) - 1
  }
  for (let small = count - 1; small > large; small--) {
    if ((weights[small] ?? 0) >= 1) break
    pairs(small)
    // A large rank that has been emptied below 1 becomes small in turn and takes from its successor.
    while ((weights[large] ?? 0) < 1 && large + 1 < small && (weights[large + 1] ?? 0) >= 1) {
      const emptied = large
      large++
      pairs(emptied)
    }
  }
  return { keep, alias }
}
