/** The driver's seconds and query answers as lines of a series. In: what the driver tells. Out: metrics by key. */
import type { DriverWindow, QueryResult } from '../drive/job.ts'
import type { SeriesLine } from '../results/record.ts'
import { metricKey } from './metrics.ts'
import type { MetricId } from './metrics.ts'

/** Windows last a second; the first and the last may be shorter. */
const WINDOW_MS = 1_000
/** Windows are told late when the driver is busy, but a gap in what was told is not one long window. */
const LONGEST_WINDOW_MS = 1_500

/** One line per window, at its end. A figure that a window has no events for is absent. */
export function windowSeries(windows: readonly DriverWindow[]): readonly SeriesLine[] {
  return windows.map((window, at) => windowLine(window, windows[at - 1] ?? null))
}

/** One window as a line, for a series written while the run lasts. @param before the window told before this one */
export function windowLine(window: DriverWindow, before: DriverWindow | null): SeriesLine {
  const sinceMs = before === null ? WINDOW_MS : window.atMs - before.atMs
  const seconds = (sinceMs > 0 && sinceMs <= LONGEST_WINDOW_MS ? sinceMs : WINDOW_MS) / 1_000
  const { counts, dueEvents } = window
  const v: Record<string, number> = {}
  const put = (id: MetricId, value: number | null): void => {
    if (value !== null) v[id] = value
  }
  put('rate.dueEventsPerS', dueEvents / seconds)
  put('rate.sentEventsPerS', window.sentEvents / seconds)
  put('rate.acceptedEventsPerS', (counts.accepted + counts.duplicate) / seconds)
  put('latency.p50Us', window.latencyP50Us)
  put('latency.p99Us', window.latencyP99Us)
  put('sendDelay.p99Us', window.sendDelayP99Us)
  put('inFlight.requests', window.inFlightRequests)
  put('driver.cpuCores', window.driverCpuRatio)
  put('driver.eventLoopDelayP99Us', window.eventLoopDelayP99Us)
  // Of the events whose fate was settled in this window: those due in it may be settled later.
  const refused = counts.rejected + counts.shed + counts.unknown + counts.dropped
  const settled = counts.accepted + counts.duplicate + refused
  put('rate.notAcceptedEventsPerS', refused / seconds)
  put('outcome.notAcceptedRatio', settled === 0 ? null : refused / settled)
  put('outcome.droppedRatio', settled === 0 ? null : counts.dropped / settled)
  return { t: window.atMs, v }
}

/** One answered query; null when it was not answered, since its time would be the limit's and not its own. */
export function queryLine(query: QueryResult): SeriesLine | null {
  if (query.outcome !== 'ok') return null
  const v: Record<string, number> = { [metricKey('query.seconds', query.name)]: query.seconds }
  if (query.rowsRead !== null) v[metricKey('query.rowsRead', query.name)] = query.rowsRead
  if (query.bytesRead !== null) v[metricKey('query.bytesRead', query.name)] = query.bytesRead
  if (query.saidLagS !== undefined) v[metricKey('query.saidLagS', query.name)] = query.saidLagS
  return { t: query.atMs, v }
}
