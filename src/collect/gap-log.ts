/** How far polls lay apart. In: the gap of each. Out: the widest and the median. */

/** Widths of polls, in whole milliseconds up to a minute: flat memory over any length. */
export class GapLog {
  readonly #counts = new Uint32Array(60_001)
  #widestMs = 0
  #total = 0

  add(ms: number): void {
    this.#widestMs = Math.max(this.#widestMs, ms)
    const at = Math.min(this.#counts.length - 1, Math.max(0, Math.round(ms)))
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#total += 1
  }

  widestMs(): number {
    return this.#widestMs
  }

  medianMs(): number {
    let below = 0
    for (let ms = 0; ms < this.#counts.length; ms += 1) {
      below += this.#counts[ms] ?? 0
      if (below * 2 >= this.#total && this.#total > 0) return ms
    }
    return 0
  }
}
