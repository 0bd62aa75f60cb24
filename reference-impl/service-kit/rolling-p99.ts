/** p99 of the last whole second, however many scrapers look at it. In: durations. Out: one number a second. */
import { createHistogram } from 'node:perf_hooks'

const NS_PER_MS = 1_000_000
const PERIOD_MS = 1_000

export class RollingP99 {
  readonly #current = createHistogram()
  readonly #nowMs: () => number
  #periodStartMs: number
  #lastMs = 0

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#periodStartMs = nowMs()
  }

  record(ms: number): void {
    this.#roll()
    // A histogram of perf_hooks takes whole numbers from 1.
    this.#current.record(Math.max(1, Math.round(ms * NS_PER_MS)))
  }

  /** Milliseconds; 0 when the last whole second saw nothing. */
  p99Ms(): number {
    this.#roll()
    return this.#lastMs
  }

  #roll(): void {
    const elapsedMs = this.#nowMs() - this.#periodStartMs
    if (elapsedMs < PERIOD_MS) return
    const filled = elapsedMs < 2 * PERIOD_MS && this.#current.count > 0
    this.#lastMs = filled ? this.#current.percentile(99) / NS_PER_MS : 0
    this.#current.reset()
    this.#periodStartMs += Math.floor(elapsedMs / PERIOD_MS) * PERIOD_MS
  }
}
