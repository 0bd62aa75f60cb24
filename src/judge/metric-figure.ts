/**
 * Any metric as a figure of one round, for a sweep that asks for it. In: a metric key and what of it is taken. Out: one
 * number, Infinity where something was never answered, or null where the round does not know it.
 */
import { findMetric, parseMetricKey } from '../collect/metrics.ts'
import type { Percentiles, Quantile } from '../results/record.ts'
import type { FigureTake, SweepFigure } from '../results/sweep-record.ts'
import type { Round } from './evidence.ts'
import { stepAt } from './figures.ts'
import { stepValue } from './slo.ts'

/** Reckoned over a whole step, or reported only while there is any: no window of a step has them. */
const OF_A_WHOLE_STEP: ReadonlySet<string> = new Set([
  'wal.bytesPerEvent',
  'wal.totalBytesPerEvent',
  'wal.fpiBytesPerEvent',
  'cpu.msPer1000Events',
  'table.hotUpdateRatio',
  'table.insertedRowsPerEvent',
  'table.updatedRowsPerEvent',
  'table.deletedRowsPerEvent',
  'outbox.rowsPerClaim',
  'parts.perInsert',
  'query.staleRatio',
  'query.dueRatio',
  'query.lateRatio',
  'waits.sessions',
  'slot.walStatus',
  'horizon.holderAgeTransactions',
])

type Percentile = 'p50' | 'p90' | 'p99' | 'p999'

/** A percentile q needs 10 ÷ (1 − q) answers (design.md, honesty rule 8); the median of few is what triggers go by, too. */
const ANSWERS_MIN: Readonly<Record<Percentile, number>> = {
  p50: 1,
  p90: 100,
  p99: 1_000,
  p999: 10_000,
}

/** What of a metric a record knows, the default first; empty where no metric has this key. */
export function takesOf(key: string): readonly FigureTake[] {
  const metric = findMetric(key)
  if (metric === undefined) return []
  const { id, kind } = metric
  if (id === 'query.seconds') return ['p50', 'p90', 'p99', 'worst']
  if (id === 'query.saidLagS') return ['worst']
  if (isOfTheEnd(key)) return ['last']
  const [, percentile] = /\.(p50|p90|p99|p999)Us$/.exec(id) ?? []
  if (percentile !== undefined) return [percentile as Percentile, 'worst']
  if (kind === 'counter') return ['growth']
  return OF_A_WHOLE_STEP.has(id) ? ['mean'] : ['mean', 'worst']
}

/** What queries read and planned is learned after the run; the probe's planning time is labelled with a store. */
function isOfTheEnd(key: string): boolean {
  const { id, label } = parseMetricKey(key)
  if (id === 'query.planMs') return /^Q\d+$/.test(label ?? '')
  return id === 'query.rowsRead' || id === 'query.bytesRead' || id.startsWith('store.')
}

export function metricFigure(
  round: Round,
  { metric, of }: Pick<SweepFigure, 'metric' | 'of'>,
  ratePerS: number | null,
): number | null {
  const { id, label } = parseMetricKey(metric)
  if (id === 'query.seconds') return querySeconds(round, label, of)
  if (of === 'last') return atTheEnd(round, metric)
  const step = stepAt(round, ratePerS)
  if (step === null) return null
  if (of === 'worst' && id !== 'query.saidLagS') return step.worst?.[metric] ?? null
  return numberOf(stepValue(step, metric))
}

function querySeconds(round: Round, name: string | null, of: FigureTake): number | null {
  const seconds = round.measured.queries.find((query) => query.name === name)?.seconds ?? null
  if (seconds === null) return null
  if (of === 'worst') return numberOf(seconds.max)
  return isPercentile(of) ? percentileOf(seconds, of) : null
}

function percentileOf(seconds: Percentiles, percentile: Percentile): number | null {
  return seconds.samples < ANSWERS_MIN[percentile] ? null : numberOf(seconds[percentile])
}

function atTheEnd(round: Round, key: string): number | null {
  const { id, label } = parseMetricKey(key)
  const query = round.measured.queries.find(({ name }) => name === label)
  switch (id) {
    case 'query.rowsRead':
      return query?.rowsRead ?? null
    case 'query.bytesRead':
      return query?.bytesRead ?? null
    case 'query.planMs':
      return query?.plan?.planMs ?? null
    default:
      return round.measured.metrics[key] ?? null
  }
}

function isPercentile(of: FigureTake): of is Percentile {
  return of in ANSWERS_MIN
}

function numberOf(quantile: Quantile | null): number | null {
  return quantile === 'infinite' ? Infinity : quantile
}
