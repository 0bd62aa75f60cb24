/** A growing set of event indexes, one bit each: a hundred million seen events are 12.5 MB. */

const PAGE_BITS = 65_536
const WORD_BITS = 32

export class IndexSet {
  readonly #pages = new Map<number, Uint32Array>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Whether the index is new. */
  add(index: number): boolean {
    const pageAt = Math.floor(index / PAGE_BITS)
    let page = this.#pages.get(pageAt)
    if (page === undefined) {
      page = new Uint32Array(PAGE_BITS / WORD_BITS)
      this.#pages.set(pageAt, page)
    }
    const bit = index % PAGE_BITS
    const word = page[bit >>> 5] ?? 0
    const mask = (1 << (bit & 31)) >>> 0
    if ((word & mask) !== 0) return false
    page[bit >>> 5] = word | mask
    this.#size += 1
    return true
  }

  has(index: number): boolean {
    const bit = index % PAGE_BITS
    const word = this.#pages.get(Math.floor(index / PAGE_BITS))?.[bit >>> 5] ?? 0
    return (word & (1 << (bit & 31))) !== 0
  }
}
