/**
 * Any metric as a figure of one round, for a sweep that asks for it. In: a metric key and what of it is taken. Out: one
 * number, Infinity where something was never answered, or null where the round does not know it.
 */
import { findMetric, parseMetricKey } from '../collect/metrics.ts'
import type { Percentiles, Quantile, Step } from '../results/record.ts'
import type { FigureTake, SweepFigure } from '../results/sweep-record.ts'
import type { Round } from './evidence.ts'
import { stepAt } from './figures.ts'
import { stepValue } from './slo.ts'
import { enoughSamples, isPercentile, percentileOf, stepPercentiles } from './step-percentiles.ts'
import type { Percentile } from './step-percentiles.ts'

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
  'query.lackingRatio',
  'query.dueRatio',
  'query.lateRatio',
  'waits.sessions',
  'slot.walStatus',
  'horizon.holderAgeTransactions',
])

/** What of a metric a record knows, the default first; empty where no metric has this key. */
export function takesOf(key: string): readonly FigureTake[] {
  const metric = findMetric(key)
  if (metric === undefined) return []
  const { id, kind } = metric
  if (id === 'query.seconds') return ['p50', 'p90', 'p99', 'worst']
  if (id === 'query.saidLagS') return ['worst']
  if (isOfTheEnd(key)) return ['last']
  const percentile = percentileOf(key)
  if (percentile !== null) return [percentile, 'worst']
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
  if (isPercentile(of)) return enoughOf(stepPercentiles(step, metric), of)
  if (id === 'checkpoint.requested') return requestedByItself(round, step)
  return numberOf(stepValue(step, metric))
}

/** A timer may end a moment before the step that it marks begins. */
const MARK_TOLERANCE_MS = 100
/** Records round what they interpolate. */
const ROUNDING = 1e-6

/**
 * The harness's own count as requested, too: they are taken off. The first is sampled across the border of its step, so
 * that the growth may hold only a part of it: then what is left is rounded up.
 */
function requestedByItself({ measured }: Round, step: Step): number | null {
  const requested = step.metrics['checkpoint.requested']
  if (requested === undefined) return null
  const own = measured.checkpoints.filter(
    ({ atMs, reason }) =>
      reason !== 'engine' &&
      atMs >= step.fromMs - MARK_TOLERANCE_MS &&
      atMs < step.toMs - MARK_TOLERANCE_MS,
  ).length
  return own === 0 ? requested : Math.max(0, Math.ceil(requested - own - ROUNDING))
}

function querySeconds(round: Round, name: string | null, of: FigureTake): number | null {
  const seconds = round.measured.queries.find((query) => query.name === name)?.seconds ?? null
  if (seconds === null) return null
  if (of === 'worst') return numberOf(seconds.max)
  return isPercentile(of) ? enoughOf(seconds, of) : null
}

function enoughOf(known: Percentiles | null, percentile: Percentile): number | null {
  if (known === null || !enoughSamples(known, percentile)) return null
  return numberOf(known[percentile])
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

function numberOf(quantile: Quantile | null): number | null {
  return quantile === 'infinite' ? Infinity : quantile
}
