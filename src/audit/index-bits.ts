/** A set of event indexes 0…n−1 of known size, one bit each: 12.5 MB for a hundred million. */

const WORD_BITS = 32
/** Words whose members are counted together: what a look-up may have to walk. */
const BLOCK_WORDS = 32

export class IndexBits {
  readonly length: number
  readonly #words: Uint32Array

  constructor(length: number) {
    this.length = length
    this.#words = new Uint32Array(Math.ceil(length / WORD_BITS))
  }

  /** Whether the index is new. @param index 0…length−1 */
  add(index: number): boolean {
    const at = Math.floor(index / WORD_BITS)
    const mask = 1 << (index & 31)
    const word = this.#words[at] ?? 0
    if ((word & mask) !== 0) return false
    this.#words[at] = word | mask
    return true
  }

  remove(index: number): void {
    const at = Math.floor(index / WORD_BITS)
    this.#words[at] = (this.#words[at] ?? 0) & ~(1 << (index & 31))
  }

  has(index: number): boolean {
    const word = this.#words[Math.floor(index / WORD_BITS)] ?? 0
    return (word & (1 << (index & 31))) !== 0
  }

  count(): number {
    let total = 0
    for (const word of this.#words) total += onesOf(word)
    return total
  }

  /** Adds or removes by rule, 32 indexes at a time; all operands have this set's length. */
  combine(other: IndexBits, rule: (mine: number, theirs: number) => number): this {
    const words = this.#words
    for (let at = 0; at < words.length; at++) {
      words[at] = rule(words[at] ?? 0, other.#words[at] ?? 0)
    }
    return this
  }

  clone(): IndexBits {
    const copy = new IndexBits(this.length)
    copy.#words.set(this.#words)
    return copy
  }

  /** Finds the member that has so many below it. Made by one pass, and true until the set changes. */
  selector(): (rank: number) => number {
    const words = this.#words
    const below = new Float64Array(Math.ceil(words.length / BLOCK_WORDS) + 1)
    for (let at = 0; at < words.length; at++) {
      const block = Math.floor(at / BLOCK_WORDS) + 1
      if (at % BLOCK_WORDS === 0) below[block] = below[block - 1] ?? 0
      below[block] = (below[block] ?? 0) + onesOf(words[at] ?? 0)
    }
    return (rank) => {
      let low = 0
      let high = below.length - 1
      while (high - low > 1) {
        const middle = (low + high) >>> 1
        if ((below[middle] ?? 0) <= rank) low = middle
        else high = middle
      }
      let left = rank - (below[low] ?? 0)
      let at = low * BLOCK_WORDS
      for (let ones = onesOf(words[at] ?? 0); ones <= left; ones = onesOf(words[++at] ?? 0)) {
        left -= ones
      }
      let word = words[at] ?? 0
      for (; left > 0; left--) word &= word - 1
      return at * WORD_BITS + 31 - Math.clz32(word & -word)
    }
  }

  /** Ascending. */
  *indexes(): Generator<number> {
    for (let at = 0; at < this.#words.length; at++) {
      let word = this.#words[at] ?? 0
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word)
        yield at * WORD_BITS + bit
        word &= word - 1
      }
    }
  }
}

export const without = (mine: number, theirs: number): number => mine & ~theirs
export const and = (mine: number, theirs: number): number => mine & theirs
export const or = (mine: number, theirs: number): number => mine | theirs

/** Ones of a 32-bit word, in parallel (Hacker's Delight, 5-1). */
function onesOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
