/**
 * The histograms of a step by metric key, and how many samples a percentile takes. In: a step and a key. Out: its
 * percentiles; null where the key is of no histogram, or the step has none.
 */
import { parseMetricKey } from '../collect/metrics.ts'
import type { Percentiles, Step } from '../results/record.ts'

export type Percentile = 'p50' | 'p90' | 'p99' | 'p999'

const SHARE_BEYOND: Readonly<Record<Percentile, number>> = {
  p50: 0.5,
  p90: 0.1,
  p99: 0.01,
  p999: 0.001,
}

/** A percentile q needs at least 10 ÷ (1 − q) samples (design.md, honesty rule 8). */
export function enoughSamples(percentiles: Percentiles, percentile: Percentile): boolean {
  return percentiles.samples >= Math.round(10 / SHARE_BEYOND[percentile])
}

export function isPercentile(of: string): of is Percentile {
  return of in SHARE_BEYOND
}

/** Which percentile a key is of: of `latency.p99Us` p99. null: it is kept as no histogram of a step. */
export function percentileOf(key: string): Percentile | null {
  const [, percentile = ''] = OF_A_HISTOGRAM.exec(parseMetricKey(key).id) ?? []
  return isPercentile(percentile) ? percentile : null
}

/** Over all due events; freshness per store. */
export function stepPercentiles(step: Step, key: string): Percentiles | null {
  const { id, label } = parseMetricKey(key)
  if (percentileOf(key) === null) return null
  if (id.startsWith('latency.')) return step.latencyUs
  if (id.startsWith('sendDelay.')) return step.sendDelayUs
  return label === null ? null : (step.freshnessUs[label] ?? null)
}

const OF_A_HISTOGRAM = /^(?:latency|sendDelay|freshness)\.(p50|p90|p99|p999)Us$/
