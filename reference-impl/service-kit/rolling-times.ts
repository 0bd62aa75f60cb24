/** p99 and maximum of the last whole seconds, however many scrapers look at them. In: durations. Out: two numbers a second. */
import { createHistogram } from 'node:perf_hooks'

const NS_PER_MS = 1_000_000
const PERIOD_MS = 1_000

export class RollingTimes {
  readonly #current = createHistogram()
  readonly #nowMs: () => number
  #periodStartMs: number
  #p99Ms = 0
  #maxMs = 0
  #maxBeforeMs = 0

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#periodStartMs = nowMs()
  }

  record(ms: number): void {
    this.#roll()
    // A histogram of perf_hooks takes whole numbers from 1.
    this.#current.record(Math.max(1, Math.round(ms * NS_PER_MS)))
  }

  /** Milliseconds over the last whole second; 0 when it saw nothing. */
  p99Ms(): number {
    this.#roll()
    return this.#p99Ms
  }

  /** Over the last two whole seconds: who looks every second misses none, though seconds do not begin together. */
  maxMs(): number {
    this.#roll()
    return Math.max(this.#maxMs, this.#maxBeforeMs)
  }

  #roll(): void {
    const elapsedMs = this.#nowMs() - this.#periodStartMs
    if (elapsedMs < PERIOD_MS) return
    const seconds = Math.floor(elapsedMs / PERIOD_MS)
    const filled = this.#current.count > 0
    const maxMs = filled ? this.#current.max / NS_PER_MS : 0
    // What was collected belongs to the second that began first; those after it were empty.
    this.#p99Ms = filled && seconds === 1 ? this.#current.percentile(99) / NS_PER_MS : 0
    this.#maxBeforeMs = seconds === 1 ? this.#maxMs : seconds === 2 ? maxMs : 0
    this.#maxMs = seconds === 1 ? maxMs : 0
    this.#current.reset()
    this.#periodStartMs += seconds * PERIOD_MS
  }
}
