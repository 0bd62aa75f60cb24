/**
 * Whether a limit is broken now. In: the driver's windows, query answers and samples of the current step. Out: null or
 * the breach. While the run lasts it only says `broken` when that is certain; `stepBreach` judges the finished step.
 */
import { parseMetricKey } from '../collect/metrics.ts'
import { notAcceptedRatio } from '../collect/not-accepted.ts'
import type { DriverWindow, QueryResult } from '../drive/job.ts'
import type { Quantile, Step } from '../results/record.ts'
import type { Slo } from '../scenario/scenario.ts'
import { percentileOf, stepPercentiles } from './step-percentiles.ts'
import { medianOf, quantileOf } from './statistics.ts'

export type SloBreach = NonNullable<Step['brokenSlo']>

/** What is known of the current step at one moment; times are ms after the run's epoch. */
export interface SloView {
  /** Windows of the step, oldest first; `atMs` is the end of each window. */
  readonly windows: readonly DriverWindow[]
  /** Events due and events ended (answered, shed, dropped, given up) before the first of `windows`. */
  readonly before: { readonly dueEvents: number; readonly endedEvents: number }
  readonly queries: readonly QueryResult[]
  /** Sampled gauges by metric key, with their moments. */
  readonly samples: readonly {
    readonly atMs: number
    readonly key: string
    readonly value: number
  }[]
}

export interface LiveSlo {
  /** A measured step begins: what came before no longer counts, except events still unanswered. */
  begin(fromMs: number): void
  observeWindow(window: DriverWindow): SloBreach | null
  observeQuery(query: QueryResult): SloBreach | null
  observeSamples(atMs: number, values: Readonly<Record<string, number>>): SloBreach | null
}

/** Driver windows are one second; one that ends this long before a whole second has passed still counts. */
const WINDOW_TOLERANCE_MS = 100
const QUANTILES: Readonly<Record<string, number>> = {
  'latency.p50Us': 0.5,
  'latency.p90Us': 0.9,
  'latency.p99Us': 0.99,
  'latency.p999Us': 0.999,
}

/** Remembers just enough of the run to judge every SLO at each new observation. */
export function liveSlo(slos: readonly Slo[]): LiveSlo {
  const keepMs = Math.max(1, ...slos.map((slo) => slo.windowS)) * 1e3 + 2e3
  let stepFromMs = 0
  let windows: DriverWindow[] = []
  let before = { dueEvents: 0, endedEvents: 0 }
  let queries: QueryResult[] = []
  let samples: SloView['samples'][number][] = []
  const judge = (): SloBreach | null => {
    const inStep = windows.filter((window) => startsIn(window, stepFromMs))
    const skipped = windows.slice(0, windows.length - inStep.length)
    const view = { windows: inStep, before: addUp(before, skipped), queries, samples }
    for (const slo of slos) {
      const breach = sloBroken(view, slo)
      if (breach !== null) return breach
    }
    return null
  }
  const forget = (nowMs: number): void => {
    const kept = windows.filter((window) => window.atMs > nowMs - keepMs)
    before = addUp(before, windows.slice(0, windows.length - kept.length))
    windows = kept
    queries = queries.filter((query) => query.atMs > nowMs - keepMs && query.atMs >= stepFromMs)
    samples = samples.filter((one) => one.atMs > nowMs - keepMs && one.atMs >= stepFromMs)
  }
  return {
    begin: (fromMs) => {
      stepFromMs = fromMs
      queries = []
      samples = []
    },
    observeWindow: (window) => {
      windows.push(window)
      forget(window.atMs)
      return judge()
    },
    observeQuery: (query) => {
      queries.push(query)
      forget(query.atMs)
      return judge()
    },
    observeSamples: (atMs, values) => {
      for (const [key, value] of Object.entries(values)) samples.push({ atMs, key, value })
      forget(atMs)
      return judge()
    },
  }
}

/** Judged over the last `slo.windowS` seconds; null also while the step is younger than that. */
export function sloBroken(view: SloView, slo: Slo): SloBreach | null {
  const last = view.windows.at(-1)
  const { id } = parseMetricKey(slo.metric)
  if (id === 'query.seconds') return queryBreach(view, slo)
  const value = isDriverMetric(id) ? driverValue(view, slo) : sampledValue(view, slo)
  if (value === null || !exceeds(value, slo.max)) return null
  const atMs = last?.atMs ?? view.samples.at(-1)?.atMs ?? 0
  return { metric: slo.metric, max: slo.max, value, atMs }
}

/** The exact judgement of a finished step from its own percentiles and metrics; the first broken SLO or null. */
export function stepBreach(step: Step, slos: readonly Slo[]): SloBreach | null {
  if (step.brokenSlo !== null) return step.brokenSlo
  for (const slo of slos) {
    const value = stepValue(step, slo.metric)
    if (value !== null && lastsAWindow(step, slo.windowS) && exceeds(value, slo.max)) {
      return { metric: slo.metric, max: slo.max, value, atMs: step.toMs }
    }
  }
  return null
}

export function lastsAWindow(step: Step, windowS: number): boolean {
  return step.toMs - step.fromMs + WINDOW_TOLERANCE_MS >= windowS * 1e3
}

/** A metric of a step by key: percentiles over all due events, freshness per store, else the step's own metrics. */
export function stepValue(step: Step, key: string): Quantile | null {
  const of = percentileOf(key)
  if (of !== null) return stepPercentiles(step, key)?.[of] ?? null
  if (key === 'outcome.notAcceptedRatio' && step.dueEvents > 0) return notAcceptedRatio(step)
  return step.metrics[key] ?? null
}

function driverValue(view: SloView, slo: Slo): Quantile | null {
  const windows = lastWindows(view.windows, slo.windowS)
  if (windows === null) return null
  const quantile = QUANTILES[slo.metric]
  if (quantile !== undefined) return latencyValue(view, { windows, slo, quantile })
  const ended = windows.reduce((sum, window) => sum + endedEvents(window), 0)
  switch (slo.metric) {
    case 'outcome.notAcceptedRatio': {
      // What has been waiting for the whole window counts too: a target that answers nothing must not look clean.
      const silent = certainlyOlder(view, slo.windowS * 1e3 - WINDOW_TOLERANCE_MS)
      const refused = windows.reduce((sum, window) => sum + notAccepted(window), 0)
      return ended + silent === 0 ? null : (refused + silent) / (ended + silent)
    }
    case 'outcome.droppedRatio': {
      const due = windows.reduce((sum, window) => sum + window.dueEvents, 0)
      const dropped = windows.reduce((sum, window) => sum + window.counts.dropped, 0)
      return due === 0 ? null : dropped / due
    }
    case 'sendDelay.p99Us':
      return medianOf(windows.map((window) => window.sendDelayP99Us).filter(isNumber))
    case 'inFlight.requests':
      return medianOf(windows.map((window) => window.inFlightRequests))
    default:
      return null
  }
}

interface LatencyOptions {
  readonly windows: readonly DriverWindow[]
  readonly slo: Slo
  readonly quantile: number
}

/**
 * A percentile over several windows cannot be made of their percentiles, but a lower bound of how many events exceeded
 * the limit can: half of a second's answers where its p50 did, 1 % where its p99 did, everything not answered, and
 * everything that has been due for longer than the limit.
 */
function latencyValue(view: SloView, options: LatencyOptions): Quantile | null {
  const { windows, slo, quantile } = options
  const ended = windows.reduce((sum, window) => sum + endedEvents(window), 0)
  const infinite = windows.reduce((sum, window) => sum + neverAnswered(window), 0)
  const waiting = certainlyOlder(view, slo.max / 1e3)
  const slow = windows.reduce((sum, window) => sum + certainlySlower(window, slo.max), 0)
  // Events whose fate is known; those due a moment ago are not.
  const events = ended + waiting
  if (events === 0) return null
  const allowed = (1 - quantile) * events * (1 - 1e-9)
  if (infinite + waiting >= allowed && infinite + waiting > 0) return 'infinite'
  const known = windows
    .map((window) => (quantile < 0.99 ? window.latencyP50Us : window.latencyP99Us))
    .filter(isNumber)
  const typical = medianOf(known)
  if (typical === null) return null
  if (infinite + waiting + slow >= allowed) return Math.max(typical, quantileOf(known, 1))
  // Not certain: what is reported stays at or below the limit.
  return Math.min(typical, slo.max)
}

/** Answers of one second that took longer than `maxUs` for sure. */
function certainlySlower(window: DriverWindow, maxUs: number): number {
  const answered = endedEvents(window) - neverAnswered(window)
  if (window.latencyP50Us !== null && window.latencyP50Us > maxUs) return answered * 0.5
  if (window.latencyP99Us !== null && window.latencyP99Us > maxUs) return answered * 0.01
  return 0
}

/** Events that were due at least `ageMs` ago and have not ended, in whatever order the others were answered. */
function certainlyOlder(view: SloView, ageMs: number): number {
  const nowMs = view.windows.at(-1)?.atMs ?? 0
  let due = view.before.dueEvents
  let ended = view.before.endedEvents
  for (const window of view.windows) {
    if (window.atMs <= nowMs - ageMs && window.atMs < nowMs) due += window.dueEvents
    ended += endedEvents(window)
  }
  return Math.max(0, due - ended)
}

function queryBreach(view: SloView, slo: Slo): SloBreach | null {
  const name = parseMetricKey(slo.metric).label
  const nowMs = Math.max(view.windows.at(-1)?.atMs ?? 0, view.queries.at(-1)?.atMs ?? 0)
  const recent = view.queries.filter(
    (query) => (name === null || query.name === name) && query.atMs > nowMs - slo.windowS * 1e3,
  )
  // A query asked less often than once a window is judged by its latest answer.
  const seconds = recent.map((query) => (query.outcome === 'ok' ? query.seconds : Infinity))
  const value = medianOf(seconds)
  if (value === null || value <= slo.max) return null
  return {
    metric: slo.metric,
    max: slo.max,
    value: Number.isFinite(value) ? value : 'infinite',
    atMs: nowMs,
  }
}

function sampledValue(view: SloView, slo: Slo): number | null {
  const nowMs = view.samples.at(-1)?.atMs ?? 0
  const values = view.samples
    .filter((one) => one.key === slo.metric && one.atMs > nowMs - slo.windowS * 1e3)
    .map((one) => one.value)
  return medianOf(values)
}

/** null while the step has not lasted a whole window. */
function lastWindows(
  windows: readonly DriverWindow[],
  windowS: number,
): readonly DriverWindow[] | null {
  const last = windows.at(-1)
  const first = windows[0]
  if (last === undefined || first === undefined) return null
  const seenMs = last.atMs - first.atMs + 1e3
  // Whole seconds only: a step of 2.5 s holds two windows of the driver, and must be able to break.
  const wantedMs = Math.max(1, Math.floor(windowS)) * 1e3
  if (seenMs + WINDOW_TOLERANCE_MS < wantedMs) return null
  return windows.filter((one) => one.atMs > last.atMs - wantedMs + WINDOW_TOLERANCE_MS)
}

function startsIn(window: DriverWindow, fromMs: number): boolean {
  return window.atMs - 1e3 >= fromMs - WINDOW_TOLERANCE_MS
}

function addUp(
  sum: SloView['before'],
  windows: readonly DriverWindow[],
): { dueEvents: number; endedEvents: number } {
  return {
    dueEvents: windows.reduce((total, window) => total + window.dueEvents, sum.dueEvents),
    endedEvents: windows.reduce((total, window) => total + endedEvents(window), sum.endedEvents),
  }
}

function endedEvents({ counts }: DriverWindow): number {
  return counts.accepted + counts.duplicate + counts.rejected + neverAnsweredIn(counts)
}

function neverAnswered({ counts }: DriverWindow): number {
  return neverAnsweredIn(counts)
}

function neverAnsweredIn(counts: DriverWindow['counts']): number {
  return counts.shed + counts.unknown + counts.dropped
}

function notAccepted(window: DriverWindow): number {
  return window.counts.rejected + neverAnswered(window)
}

function isDriverMetric(id: string): boolean {
  return /^(latency|outcome|sendDelay|inFlight)\./.test(id)
}

function exceeds(value: Quantile, max: number): boolean {
  return value === 'infinite' || value > max
}

function isNumber(value: number | null): value is number {
  return value !== null
}
