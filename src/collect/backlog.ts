/**
 * How many acknowledged events were not readable yet. In: what was answered by the end of each of the driver's windows, and what
 * each poll of a store had seen. Out: the backlog at the end of each window, once; and what is left when no more windows come.
 */

/** Windows last a second: without one for so long, nothing is acknowledged any more, and what is left only drains. */
const OVER_MS = 2_000
/** No poll is kept for a window that is not told within two minutes. */
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
  #latest: Count = { atMs: Number.NEGATIVE_INFINITY, events: 0 }
  /** Whether the window told last is yet to be sampled. */
  #isDue = false
  /** Of windows before it that are; null: none. */
  #largest: number | null = null

  /** @param events answered accepted or duplicate until `atMs`, deliberate repeats left out */
  acknowledged(events: number, atMs: number): void {
    if (this.#isDue) this.#largest = Math.max(this.#largest ?? 0, this.events() ?? 0)
    this.#acknowledged = { atMs, events }
    this.#polls = this.#polls.filter((poll) => poll.atMs >= atMs)
    this.#isDue = true
  }

  /** @param atMs when the poll began: it shows whatever was readable then */
  polled(seenEvents: number, atMs: number): void {
    this.#latest = { atMs, events: seenEvents }
    if (this.#polls.length < POLLS_MAX) this.#polls.push(this.#latest)
  }

  /**
   * At the end of the window told last, by the first poll that began after it; now, where no window came for long. Null: none
   * ever was told.
   */
  events(): number | null {
    if (this.#acknowledged === null) return null
    const { events: seen } = this.#isOver() ? this.#latest : (this.#polls[0] ?? this.#latest)
    return Math.max(0, Math.round(this.#acknowledged.events - seen))
  }

  /** Now, whatever is still to be told: acknowledged by the end of the window told last, and seen by no poll. */
  left(): number {
    return Math.max(0, Math.round((this.#acknowledged?.events ?? 0) - this.#latest.events))
  }

  /** The largest of all windows told since this was asked last, each once; null: none was, and more are to come. */
  take(): number | null {
    const earlier = this.#largest
    this.#largest = null
    if (!this.#isDue) return this.#isOver() ? this.events() : null
    // No poll began after its end yet: it is told with the next sample.
    if (this.#polls.length === 0) return earlier
    const events = this.events()
    this.#isDue = false
    return events === null ? earlier : Math.max(events, earlier ?? 0)
  }

  /** A window that came late is still told as it was at its end. */
  #isOver(): boolean {
    if (this.#acknowledged === null || this.#isDue) return false
    return this.#latest.atMs - this.#acknowledged.atMs > OVER_MS
  }
}
