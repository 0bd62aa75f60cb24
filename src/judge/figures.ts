/**
 * The figures of one round that targets are compared by. In: a counting round and the rate compared at. Out: one number
 * per figure, or null where the round cannot know it.
 */
import type { Quantile, Step } from '../results/record.ts'
import { keptSteps, measuredSteps } from './evidence.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import { partKind } from './part-kinds.ts'
import { enoughSamples } from './step-percentiles.ts'

export type Figure =
  | 'rate.sustainedPerS'
  | 'latency.p50Us'
  | 'latency.p99Us'
  | 'latency.p999Us'
  | 'freshness.p50Us'
  | 'freshness.p99Us'
  | 'wal.bytesPerEvent'
  | 'wal.fpiBytesPerEvent'
  | 'wal.totalBytesPerEvent'
  | 'store.bytesPerEvent'
  | 'store.indexBytesPerEvent'
  | 'cpu.msPer1000Events{service}'
  | 'cpu.msPer1000Events{engine}'

/** The highest rate that every target kept, complete and within every SLO, in every one of its counting rounds. */
export function comparedRate(targets: readonly TargetEvidence[]): number | null {
  const rounds = targets.flatMap((target) => target.rounds)
  const [first, ...others] = rounds.map(
    (round) => new Set(keptSteps(round).map((step) => step.targetPerS)),
  )
  if (first === undefined) return null
  const shared = [...first].filter((rate) => others.every((rates) => rates.has(rate)))
  return shared.length === 0 ? null : Math.max(...shared)
}

/** One value of a figure in one round; Infinity where events were never answered. */
export function figureOf(round: Round, figure: Figure, ratePerS: number | null): number | null {
  if (figure === 'rate.sustainedPerS') return round.measured.sustainedPerS ?? 0
  if (figure === 'store.bytesPerEvent') return storedPerEvent(round, 'totalBytes')
  if (figure === 'store.indexBytesPerEvent') return storedPerEvent(round, 'indexBytes')
  const step = stepAt(round, ratePerS)
  if (step === null) return null
  return STEP_FIGURES[figure](step, round)
}

const STEP_FIGURES: Readonly<
  Record<
    Exclude<Figure, 'rate.sustainedPerS' | 'store.bytesPerEvent' | 'store.indexBytesPerEvent'>,
    (step: Step, round: Round) => number | null
  >
> = {
  'latency.p50Us': (step) => numberOf(step.latencyUs?.p50),
  'latency.p99Us': (step) => numberOf(step.latencyUs?.p99),
  'latency.p999Us': (step) => numberOf(step.latencyUs?.p999),
  'freshness.p50Us': (step) => slowestStore(step, 'p50'),
  'freshness.p99Us': (step) => slowestStore(step, 'p99'),
  'wal.bytesPerEvent': (step, round) => walFigure('wal.bytesPerEvent', step, round),
  'wal.fpiBytesPerEvent': (step, round) => walFigure('wal.fpiBytesPerEvent', step, round),
  'wal.totalBytesPerEvent': (step, round) => walFigure('wal.totalBytesPerEvent', step, round),
  'cpu.msPer1000Events{service}': (step, round) => cpuMsPer1000(round, { step, of: 'service' }),
  'cpu.msPer1000Events{engine}': (step, round) => cpuMsPer1000(round, { step, of: 'engine' }),
}

/** Every counting round's value; rounds that do not know the figure are left out. */
export function figuresOf(
  target: TargetEvidence,
  figure: Figure,
  ratePerS: number | null,
): readonly number[] {
  return target.rounds
    .map((round) => figureOf(round, figure, ratePerS))
    .filter((value) => value !== null)
}

/** The step the figures are read from; null where the round has none at this rate. */
export function stepAt(round: Round, ratePerS: number | null): Step | null {
  if (ratePerS === null) return null
  return measuredSteps(round).find((step) => step.targetPerS === ratePerS) ?? null
}

/** The step's own where it was sampled there, else the whole run's. */
function walFigure(key: string, step: Step, round: Round): number | null {
  return step.metrics[key] ?? round.measured.metrics[key] ?? null
}

/** All stores must be readable: the slowest one decides. null where no store has enough samples. */
function slowestStore(step: Step, percentile: 'p50' | 'p99'): number | null {
  const values = Object.values(step.freshnessUs)
    .filter((freshness) => enoughSamples(freshness, percentile))
    .map((freshness) => numberOf(freshness[percentile]) ?? 0)
  return values.length === 0 ? null : Math.max(...values)
}

/** Disk bytes of all stores ÷ rows: an event kept twice costs twice. */
function storedPerEvent(round: Round, bytes: 'totalBytes' | 'indexBytes'): number | null {
  const stores = round.measured.stores.filter((store) => store.rows > 0)
  if (stores.length === 0) return null
  return stores.reduce((sum, store) => sum + store[bytes] / store.rows, 0)
}

/** Workers are the service’s own: what they do is what it costs to serve. */
function cpuMsPer1000(
  round: Round,
  options: { readonly step: Step; readonly of: 'service' | 'engine' },
): number | null {
  let sum: number | null = null
  for (const [key, value] of Object.entries(options.step.metrics)) {
    const part = /^cpu\.msPer1000Events\{(.+)\}$/.exec(key)?.[1]
    if (part === undefined) continue
    const kind = partKind(round.run, part)
    if (kind === 'harness') continue
    if ((kind === 'engine') === (options.of === 'engine')) sum = (sum ?? 0) + value
  }
  return sum
}

function numberOf(quantile: Quantile | undefined): number | null {
  if (quantile === undefined) return null
  return quantile === 'infinite' ? Infinity : quantile
}
