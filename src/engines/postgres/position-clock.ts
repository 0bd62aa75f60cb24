/**
 * How old a WAL position is. In: the newest position at each look. Out: for how long a position has not been the newest
 * any more. The server keeps no such time, and its own replay_lag stands still while replay is paused.
 */

interface Look {
  readonly atS: number
  /** Bytes since 0/0. */
  readonly position: number
}

/** Two hours of looks a second apart; a position older than all of them has at least their age. */
const LOOKS_MAX = 7_200

export class PositionClock {
  readonly #looks: Look[] = []

  /** Looks in the order of time; what was replayed before a restore may come again with a smaller position. */
  look(atS: number, position: number): void {
    const last = this.#looks.at(-1)
    if (last !== undefined && position < last.position) this.#looks.length = 0
    // A position that stays the newest is known from when it became so.
    if (last?.position === position) return
    this.#looks.push({ atS, position })
    if (this.#looks.length > LOOKS_MAX) this.#looks.shift()
  }

  /** Seconds since a newer position was first seen; 0 while this is the newest. */
  ageS(nowS: number, position: number): number {
    let low = 0
    let high = this.#looks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#looks[middle]?.position ?? Infinity) > position) high = middle
      else low = middle + 1
    }
    const overtaken = this.#looks[low]
    return overtaken === undefined ? 0 : Math.max(0, nowS - overtaken.atS)
  }
}
