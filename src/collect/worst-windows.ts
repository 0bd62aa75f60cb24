/**
 * The worst stretch of a run. In: lines in order of time. Out: per gauge the worst window within the measured phase,
 * each window judged by its median as limits are (judge/slo.ts), so that one odd sample is not a verdict.
 */
import type { SeriesLine } from '../results/record.ts'
import { findMetric } from './metrics.ts'

/** As scenario.ts has it where no limit names a window. */
const WINDOW_MS = 3_000
/** Samples are late by some milliseconds: a window that lacks so little is whole. */
const TOLERANCE_MS = 100
/** Reported only while anybody waits: a median of what was reported would leave out the rest. */
const SPORADIC: ReadonlySet<string> = new Set([
  'waits.sessions',
  'slot.walStatus',
  'horizon.holderAgeTransactions',
])

export interface WorstOptions {
  /** The measured phase: a window that begins before or ends behind it does not count. */
  readonly fromMs: number
  readonly toMs: number
  readonly windowMsByKey: ReadonlyMap<string, number>
}

interface KeyWindow {
  readonly windowMs: number
  readonly lessIsWorse: boolean
  recent: { readonly t: number; readonly v: number }[]
  worst: number | null
}

export class WorstWindows {
  readonly #options: WorstOptions
  readonly #windows = new Map<string, KeyWindow | null>()

  constructor(options: WorstOptions) {
    this.#options = options
  }

  add({ t, v }: SeriesLine): void {
    const { fromMs, toMs } = this.#options
    if (!(t >= fromMs && t <= toMs + TOLERANCE_MS)) return
    for (const key in v) {
      const value = v[key]
      const window = this.#windowOf(key)
      if (window === null || value === undefined) continue
      window.recent.push({ t, v: value })
      // The bounds of a window are (t − length, t].
      while ((window.recent[0]?.t ?? t) <= t - window.windowMs) window.recent.shift()
      if (t - window.windowMs >= fromMs - TOLERANCE_MS) judge(window)
    }
  }

  /** Keys whose windows never fitted into the measured phase are absent. */
  finish(): Readonly<Record<string, number>> {
    const found: [string, number][] = []
    for (const [key, window] of this.#windows) {
      if (window?.worst != null) found.push([key, window.worst])
    }
    return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** null for counters, whose rates have keys of their own, and for what is reported only while there is any. */
  #windowOf(key: string): KeyWindow | null {
    const known = this.#windows.get(key)
    if (known !== undefined) return known
    const metric = findMetric(key)
    const window: KeyWindow | null =
      metric === undefined || metric.kind === 'counter' || SPORADIC.has(metric.id)
        ? null
        : {
            windowMs: this.#options.windowMsByKey.get(key) ?? WINDOW_MS,
            lessIsWorse: metric.better === 'more',
            recent: [],
            worst: null,
          }
    this.#windows.set(key, window)
    return window
  }
}

function judge(window: KeyWindow): void {
  const values = window.recent.map(({ v }) => v).sort((a, b) => a - b)
  const middle = values.length >> 1
  const high = values[middle] ?? 0
  const median = values.length % 2 === 1 ? high : ((values[middle - 1] ?? high) + high) / 2
  if (window.worst === null) window.worst = median
  else if (window.lessIsWorse ? median < window.worst : median > window.worst) window.worst = median
}
