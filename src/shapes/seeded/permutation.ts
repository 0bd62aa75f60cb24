/** A seed-keyed bijection of 48-bit indexes, as a four-round Feistel network over two 24-bit halves. */
import { mix32, TWO_TO_24 } from './counter-hash.ts'

const HALF = 0xffffff

const ROUNDS = 4

export class IndexPermutation {
  readonly #keys = new Uint32Array(ROUNDS)
  /** The halves of the last `permute`. */
  left = 0
  right = 0

  constructor(seed: number) {
    const base = mix32(seed ^ 0x51ed270b)
    for (let round = 0; round < ROUNDS; round++) {
      this.#keys[round] = mix32(base + Math.imul(round + 1, 0x9e3779b1))
    }
  }

  /** Takes the upper and lower 24 bits of an index; leaves the permuted index in `left` (upper 24 bits) and `right` (lower 24 bits). */
  permute(high: number, low: number): void {
    const keys = this.#keys
    let left = high
    let right = low
    for (let round = 0; round < ROUNDS; round++) {
      const next = left ^ (mix32(right ^ (keys[round] ?? 0)) & HALF)
      left = right
      right = next
    }
    this.left = left
    this.right = right
  }

  /** The index whose permutation has these halves. */
  invert(permutedLeft: number, permutedRight: number): number {
    const keys = this.#keys
    let left = permutedLeft
    let right = permutedRight
    for (let round = ROUNDS - 1; round >= 0; round--) {
      const before = right ^ (mix32(left ^ (keys[round] ?? 0)) & HALF)
      right = left
      left = before
    }
    return left * TWO_TO_24 + right
  }
}
