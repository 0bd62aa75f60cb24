/**
 * The next due times, worked out ahead. In: a schedule and where its zero lies. Out: the due time of the next request,
 * and the same times in memory that a metronome thread can read.
 */
import type { Schedule } from './schedule.ts'

export const DUE_TIMES_AHEAD = 4_096
/** Indexes of the control words. */
export const PUBLISHED = 0
export const STOPPED = 1
export const WAKE_PENDING = 2

export interface SharedDueTimes {
  /** Ring of due times, milliseconds of the main thread's `performance.now()`. */
  readonly times: Float64Array
  readonly control: Int32Array
}

export class DueTimes {
  readonly shared: SharedDueTimes = {
    times: new Float64Array(new SharedArrayBuffer(DUE_TIMES_AHEAD * 8)),
    control: new Int32Array(new SharedArrayBuffer(3 * 4)),
  }
  readonly #schedule: Schedule
  #originMs = 0
  #next = 0
  #published = 0

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** @param originMs the schedule's zero in milliseconds of `performance.now()` */
  start(originMs: number): void {
    this.#originMs = originMs
    this.#publish()
  }

  /** Index of the next request. */
  get next(): number {
    return this.#next
  }

  /** When the next request is due, `performance.now()` ms; Infinity behind the last. */
  get nextMs(): number {
    if (this.#next >= this.#published) return Infinity
    return this.shared.times[this.#next % DUE_TIMES_AHEAD] ?? Infinity
  }

  advance(): void {
    this.#next++
    if (this.#published - this.#next < DUE_TIMES_AHEAD / 2) this.#publish()
  }

  #publish(): void {
    const { times, control } = this.shared
    const upTo = Math.min(this.#next + DUE_TIMES_AHEAD, this.#schedule.requests)
    if (upTo === this.#published) return
    for (let request = this.#published; request < upTo; request++) {
      times[request % DUE_TIMES_AHEAD] = this.#originMs + this.#schedule.dueMs(request)
    }
    this.#published = upTo
    Atomics.store(control, PUBLISHED, upTo)
    Atomics.notify(control, PUBLISHED)
  }
}
