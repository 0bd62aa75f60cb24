/** A seed-keyed bijection of 48-bit indexes, as a four-round Feistel network over two 24-bit halves. */
import { mix32, TWO_TO_24 } from './counter-hash.ts'

const HALF = 0xffffff

export class IndexPermutation {
  readonly #keys: readonly [number, number, number, number]
  /** The halves of the last `permute`. */
  left = 0
  right = 0

  constructor(seed: number) {
    const key = (round: number): number =>
      mix32(mix32(seed ^ 0x51ed270b) + Math.imul(round, 0x9e3779b1))
    this.#keys = [key(1), key(2), key(3), key(4)]
  }

  /** Leaves the permuted index in `left` (upper 24 bits) and `right` (lower 24 bits). */
  permute(index: number): void {
    const [k1, k2, k3, k4] = this.#keys
    let left = Math.floor(index / TWO_TO_24)
    let right = index - left * TWO_TO_24
    left ^= mix32(right ^ k1) & HALF
    right ^= mix32(left ^ k2) & HALF
    left ^= mix32(right ^ k3) & HALF
    right ^= mix32(left ^ k4) & HALF
    this.left = left
    this.right = right
  }

  /** The index whose permutation has these halves. */
  invert(permutedLeft: number, permutedRight: number): number {
    const [k1, k2, k3, k4] = this.#keys
    let left = permutedLeft
    let right = permutedRight
    right ^= mix32(left ^ k4) & HALF
    left ^= mix32(right ^ k3) & HALF
    right ^= mix32(left ^ k2) & HALF
    left ^= mix32(right ^ k1) & HALF
    return left * TWO_TO_24 + right
  }
}
