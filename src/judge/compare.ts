/** Targets side by side. In: evidence and judgements. Out: findings per target and the rankings that their rounds bear. */
import type { Interval, Quantile, RunRecord, StudyRecord } from '../results/record.ts'
import { tierOf } from './conditions.ts'
import type { TargetEvidence } from './evidence.ts'
import { faultFindings } from './faults.ts'
import { figuresOf, stepAt } from './figures.ts'
import type { Figure } from './figures.ts'
import type { Ranking, TargetFindings } from './findings.ts'
import { integrityOf } from './integrity.ts'
import { limitOf } from './limit.ts'
import { intervalOverRounds, medianOf, rank, scaleInterval } from './statistics.ts'
import { enoughSamples } from './step-percentiles.ts'
import { unmeasuredMetrics } from './unmeasured.ts'
import type { Judgement } from './verdict.ts'

/** What is ranked, best first: the ids the report’s columns carry. */
const RANKED: readonly { readonly figure: Figure; readonly better: 'less' | 'more' }[] = [
  { figure: 'rate.sustainedPerS', better: 'more' },
  { figure: 'latency.p50Us', better: 'less' },
  { figure: 'latency.p99Us', better: 'less' },
  { figure: 'latency.p999Us', better: 'less' },
  { figure: 'freshness.p50Us', better: 'less' },
  { figure: 'freshness.p99Us', better: 'less' },
  { figure: 'wal.bytesPerEvent', better: 'less' },
  { figure: 'store.bytesPerEvent', better: 'less' },
  { figure: 'cpu.msPer1000Events{service}', better: 'less' },
  { figure: 'cpu.msPer1000Events{engine}', better: 'less' },
]

export interface CompareInput {
  readonly study: StudyRecord
  readonly evidence: TargetEvidence
  readonly comparedAtPerS: number | null
  readonly judgements: readonly Judgement[]
}

export function targetFindings(input: CompareInput): Omit<TargetFindings, 'sentence'> {
  const { study, evidence, comparedAtPerS, judgements } = input
  const { rounds, discarded, target } = evidence
  const first = evidence.runs[0]
  const middle = (figure: Figure): number | null =>
    medianOf(figuresOf(evidence, figure, comparedAtPerS))
  const sustained = rounds.some((round) => round.measured.sustainedPerS !== null)
    ? intervalOverRounds(figuresOf(evidence, 'rate.sustainedPerS', comparedAtPerS))
    : null
  return {
    target,
    title: first?.architecture.title ?? target,
    rounds: rounds.map((round) => round.run.round),
    discarded,
    sustainedPerS: sustained,
    unmeasuredSlos: unmeasuredMetrics(evidence),
    brokenAtPerS: brokenAt(evidence),
    limit: limitOf(evidence),
    latencyUs: latencyOf(middle),
    freshnessUs: freshnessOf(middle),
    comparedAtPerS,
    walBytesPerEvent: middle('wal.bytesPerEvent'),
    walTotalBytesPerEvent: middle('wal.totalBytesPerEvent'),
    fpiBytesPerEvent: middle('wal.fpiBytesPerEvent'),
    storedBytesPerEvent: middle('store.bytesPerEvent'),
    cpuMsPer1000: {
      service: middle('cpu.msPer1000Events{service}'),
      engine: middle('cpu.msPer1000Events{engine}'),
    },
    ...integrityOf(evidence.runs),
    durability: first === undefined ? 'nothing' : tierOf(first),
    ack: first?.architecture.promises.ack ?? '',
    partsToOperate: first?.architecture.partsToOperate ?? [],
    judgements,
    faults: faultFindings(evidence.runs),
    headroomRatio: sustained === null ? null : scaleInterval(sustained, 1 / study.profile.ratePerS),
  }
}

/** Only targets with a round that counts are ranked; across durability tiers it is said so. */
export function rankings(
  targets: readonly TargetEvidence[],
  comparedAtPerS: number | null,
): readonly Ranking[] {
  const counting = targets.filter((target) => target.rounds.length > 0)
  const tiers = new Set(counting.map((target) => tierOf(firstRun(target))))
  const across = tiers.size > 1 ? `, across durability tiers (${[...tiers].join(', ')})` : ''
  return RANKED.map(({ figure, better }) => {
    const inputs = counting
      .map((target) => ({
        name: target.target,
        values: figuresOf(target, figure, comparedAtPerS),
      }))
      .filter((input) => input.values.length > 0)
    const { order, because } = rank(inputs, better)
    const ranked = new Set(inputs.map((input) => input.name))
    const without = counting.map((one) => one.target).filter((name) => !ranked.has(name))
    const none =
      without.length === 0
        ? ''
        : `; ${without.join(', ')} ${without.length === 1 ? 'has' : 'have'} none`
    return { metric: figure, order, because: `${because}${order === null ? '' : across}${none}` }
  })
}

/** Whether p99.9 at the compared rate rests on the samples it needs, in every round. */
export function p999IsSupported(target: TargetEvidence, comparedAtPerS: number | null): boolean {
  return target.rounds.every((round) => {
    const latency = stepAt(round, comparedAtPerS)?.latencyUs
    return latency === undefined || latency === null || enoughSamples(latency, 'p999')
  })
}

function latencyOf(middle: (figure: Figure) => number | null): TargetFindings['latencyUs'] {
  const p50 = middle('latency.p50Us')
  const p99 = middle('latency.p99Us')
  const p999 = middle('latency.p999Us')
  if (p50 === null || p99 === null || p999 === null) return null
  return { p50: quantileOf(p50), p99: quantileOf(p99), p999: quantileOf(p999) }
}

function freshnessOf(middle: (figure: Figure) => number | null): TargetFindings['freshnessUs'] {
  const p50 = middle('freshness.p50Us')
  const p99 = middle('freshness.p99Us')
  return p50 === null || p99 === null ? null : { p50: quantileOf(p50), p99: quantileOf(p99) }
}

function brokenAt(evidence: TargetEvidence): Interval | null {
  return intervalOverRounds(
    evidence.rounds.map((round) => round.measured.brokenAtPerS).filter((rate) => rate !== null),
  )
}

function firstRun(target: TargetEvidence): RunRecord {
  const run = target.rounds[0]?.run
  if (run === undefined) throw new Error(`${target.target} has no round that counts`)
  return run
}

function quantileOf(value: number): Quantile {
  return Number.isFinite(value) ? value : 'infinite'
}
