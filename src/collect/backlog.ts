/**
 * How many acknowledged events were not readable yet, at a moment. In: what was answered by the end of each of the driver's
 * windows, and what each poll of a store had seen. Out: the backlog of the window told last, and the largest since it was asked.
 */

/** Of the window told last, so many polls are kept: two minutes without another, and nothing is waited for any more. */
const POLLS_MAX = 1_200

/** So many events at a moment, ms after the epoch. */
interface Count {
  readonly atMs: number
  readonly events: number
}

/** Windows come late: what became readable meanwhile must not hide what waited when they ended. */
export class Backlog {
  #acknowledged: Count | null = null
  /** Since the window told last ended. */
  #polls: Count[] = []
  #seenEvents = 0
  /** Since it was asked; null: nothing was told. */
  #largest: number | null = null

  /** @param events answered accepted or duplicate until `atMs`, deliberate repeats left out */
  acknowledged(events: number, atMs: number): void {
    // Two windows may fall between two samples: the one that is replaced counts as well.
    this.#largest = this.#largestNow()
    this.#acknowledged = { atMs, events }
    this.#polls = this.#polls.filter((poll) => poll.atMs >= atMs)
  }

  /** @param atMs when the poll began: it shows whatever was readable then */
  polled(seenEvents: number, atMs: number): void {
    this.#seenEvents = seenEvents
    if (this.#polls.length < POLLS_MAX) this.#polls.push({ atMs, events: seenEvents })
  }

  /** By the first poll that began after the window's end, or the last there was; null: nothing was told yet. */
  events(): number | null {
    if (this.#acknowledged === null) return null
    const seenEvents = this.#polls[0]?.events ?? this.#seenEvents
    return Math.max(0, Math.round(this.#acknowledged.events - seenEvents))
  }

  /** Of all windows told since this was asked last. */
  takeLargest(): number | null {
    const largest = this.#largestNow()
    this.#largest = null
    return largest
  }

  #largestNow(): number | null {
    const events = this.events()
    return events === null ? null : Math.max(events, this.#largest ?? 0)
  }
}
