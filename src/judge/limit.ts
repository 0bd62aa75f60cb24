/**
 * What broke first and what moves it. In: a target's counting rounds. Out: the metric, the resource, the evidence and the
 * knob or architecture to turn to; null where nothing broke.
 */
import { findMetric } from '../collect/metrics.ts'
import { refusal } from '../collect/not-accepted.ts'
import { coincidenceInWords, coincidenceOf } from '../collect/query-overlap.ts'
import { formatQuantity, formatRate } from '../kit/units.ts'
import type { Step } from '../results/record.ts'
import type { TargetFindings } from './findings.ts'
import { measuredSteps } from './evidence.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import { ruledOutInWords } from './ruled-out.ts'
import { contentionInWords, isContended } from './whose-limit.ts'

type Limit = NonNullable<TargetFindings['limit']>

export function limitOf(target: TargetEvidence): TargetFindings['limit'] {
  const broken = target.rounds.flatMap((round) => {
    const step = measuredSteps(round).find((one) => one.brokenSlo !== null)
    return step === undefined ? [] : [{ round, step }]
  })
  const first = broken.toSorted((a, b) => a.step.targetPerS - b.step.targetPerS)[0]
  const slo = first?.step.brokenSlo
  if (first === undefined || slo === undefined || slo === null) return null
  const metric = mostFrequent(broken.map((one) => one.step.brokenSlo?.metric ?? slo.metric))
  const all = target.rounds.flatMap(measuredSteps)
  const by = mostFrequent(broken.map((one) => limitedBy(one, all)))
  const answers = by === 'answers' ? refusal(first.step) : null
  const rounds = `in ${String(broken.length)} of ${String(target.rounds.length)} rounds`
  return {
    metric,
    by,
    evidence: `${brokenInWords(first.step)} ${rounds}; ${resourceInWords({ ...first, by }, all)}`,
    moves: whatMoves({ by, round: first.round, step: first.step }),
    ...(answers === null ? {} : { answers }),
  }
}

/** `p99 > 50 ms` from a broken SLO. */
export function sloInWords(metric: string, max: number): string {
  const known = findMetric(metric)
  const title = (known?.title ?? metric).replace(/^latency /, '')
  return `${title} > ${formatQuantity(max, known?.unit ?? '')}`
}

function brokenInWords(step: Step): string {
  const slo = step.brokenSlo
  if (slo === null) return ''
  const unit = findMetric(slo.metric)?.unit ?? ''
  const value =
    slo.value === 'infinite' ? 'too many were never answered' : formatQuantity(slo.value, unit)
  return `${sloInWords(slo.metric, slo.max)} (${value}) at ${formatRate(step.targetPerS)}`
}

/** A round alone may hold too few bursts of queries to tell: then those of all rounds decide. */
function limitedBy(
  { round, step }: Pick<Situation, 'round' | 'step'>,
  all: readonly Step[],
): Limit['by'] {
  const { saturated } = round.measured
  if (saturated !== null) return saturated.by
  return coincidenceOf(step, all)?.proven === true ? 'queries' : 'unknown'
}

function resourceInWords({ by, round, step }: Situation, all: readonly Step[]): string {
  const { saturated } = round.measured
  if (saturated !== null) return saturated.evidence
  const found = coincidenceOf(step, all)
  if (by === 'queries' && found?.proven === true) {
    return `at ${formatRate(step.targetPerS)} ${coincidenceInWords(found)}, over all rounds`
  }
  const ruledOut = ruledOutInWords(round, { step, all })
  const nobody = 'no resource was seen at its limit'
  return ruledOut === '' ? nobody : `${nobody}: ${ruledOut}`
}

interface Situation {
  readonly by: Limit['by']
  readonly round: Round
  readonly step: Step
}

function whatMoves(situation: Situation): string {
  const { by, round, step } = situation
  if ((by === 'machine' || by === 'unknown') && isContended(round, step)) {
    return `a quiet machine: something else used this one (${contentionInWords([step])})`
  }
  switch (by) {
    case 'service':
      return serviceMoves(round.run.architecture.batches)
    case 'engine':
      return engineMoves(situation)
    case 'queries':
      return queriesMove(situation)
    case 'machine':
      return 'more cores, or driver, service and engines on machines of their own'
    case 'answers':
      return 'what the service accepts: its credentials, its rules, or what the target file says of its `answers`'
    case 'driver':
      return 'a driver on a machine of its own: the architecture was not at its limit'
    case 'pool':
      return 'more connections in the scenario: the architecture was not at its limit'
    case 'unknown':
      return 'not known: no part was seen at its limit; a longer step or a quieter machine would tell'
  }
}

function serviceMoves(batches: boolean | undefined): string {
  switch (batches) {
    case true:
      return 'more replicas of the service: one event loop is the ceiling'
    case false:
      return 'commit many requests at once, as pg-batch does, or run more replicas of the service'
    case undefined:
      return 'more replicas of the service, or many requests in one commit if it does not do that yet'
  }
}

function queriesMove({ round }: Situation): string {
  return round.run.engines.some((engine) => engine.kind === 'clickhouse')
    ? 'cores of its own for the analytical store: here queries and ingestion share one machine'
    : 'an analytical store of their own for the queries (dual-write does that) or a replica: here they and ingestion share PostgreSQL'
}

function engineMoves({ step, round }: Situation): string {
  const { metrics } = step
  if ((metrics['inserts.rejected'] ?? 0) > 0 || (metrics['inserts.delayed'] ?? 0) > 0) {
    return 'larger and fewer batches: ClickHouse slows and refuses inserts when parts pile up'
  }
  const wait = topWait(metrics)
  if (wait !== null && /wal|sync|fsync/i.test(wait)) {
    return `many events per commit, as pg-batch does, commit_delay, or synchronous_commit = off where losing the last moments is acceptable (most sessions wait for ${wait})`
  }
  if (wait !== null && /buffer|lock|extend/i.test(wait)) {
    return `fewer indexes on the events table, or batches sorted by key (most sessions wait for ${wait})`
  }
  const postgres = round.run.engines.some((engine) => engine.kind === 'postgres')
  return postgres
    ? 'fewer indexes, many events per statement, or more cores for PostgreSQL'
    : 'larger batches, or more cores for ClickHouse'
}

function topWait(metrics: Readonly<Record<string, number>>): string | null {
  const waits = Object.entries(metrics)
    .filter(([key]) => key.startsWith('waits.sessions{'))
    .toSorted((a, b) => b[1] - a[1])
  return /\{(.+)\}$/.exec(waits[0]?.[0] ?? '')?.[1] ?? null
}

function mostFrequent<T extends string>(values: readonly T[]): T {
  const [first, ...others] = values
  if (first === undefined) throw new Error('mostFrequent needs a value')
  const times = (value: T): number => values.filter((one) => one === value).length
  return others.reduce((best, value) => (times(value) > times(best) ? value : best), first)
}
