/**
 * What a rule's formula says at a declared rate that no step supports. In: a target's evidence and a rule. Out: a verdict
 * labelled extrapolated, or null where the formula has no input or its interval lies on both sides of the level.
 */
import { findMetric } from '../collect/metrics.ts'
import { formatDurationS, formatNumber, formatQuantity, formatRate } from '../kit/units.ts'
import { deadRowsBetweenVisits } from '../plan/formulas.ts'
import { naptimeS } from '../plan/postgres-settings.ts'
import type { Interval, Step } from '../results/record.ts'
import { conditionsOf } from './conditions.ts'
import { datesOf } from './dates.ts'
import { measuredSteps, newEventsRatio, runIds } from './evidence.ts'
import type { Round } from './evidence.ts'
import { FormulaRun } from './formulas/formula-run.ts'
import { deadRowsPerEvent, outdatedTable } from './formulas/dead-rows.ts'
import type { JudgeContext } from './symptom.ts'
import type { SymptomRule } from './trigger.ts'
import type { Verdict } from './verdict.ts'

interface Reckoned {
  /** Per event; the rate times this is judged. */
  readonly perEvent: Interval
  readonly factor: number
  readonly how: string
}

export function reckonedVerdict(context: JudgeContext, rule: SymptomRule): Verdict | null {
  const reckoned = reckon(context, rule)
  if (reckoned === null) return null
  const { study, evidence } = context
  const { ratePerS } = study.profile
  const { perEvent, factor, how } = reckoned
  const at = (value: number): number => value * factor * ratePerS
  const { warning, critical } = rule.thresholds
  const first = warning ?? critical
  const unit = findMetric(rule.metrics[0] ?? '')?.unit ?? ''
  const because = (value: number, limit: number): string =>
    `${formatQuantity(value, unit)} at ${formatRate(ratePerS)} (extrapolated: ${how}), limit ${formatQuantity(limit, unit)}; ${conditionsOf(evidence.rounds)}`
  if (at(perEvent.low) > first) {
    const value = at(perEvent.mid)
    const level = at(perEvent.low) > critical ? 'critical' : 'warning'
    return {
      state: 'fired',
      level,
      evidence: 'extrapolated',
      value,
      because: because(value, level === 'critical' ? critical : first),
      runs: runIds(evidence),
    }
  }
  if (at(perEvent.high) > first) return null
  const value = at(perEvent.mid)
  if (perEvent.high === 0) return null
  const ratio = (one: number): number => first / at(one)
  const headroomRatio = {
    low: ratio(perEvent.high),
    mid: ratio(perEvent.mid),
    high: ratio(perEvent.low),
  }
  const crossing = {
    low: headroomRatio.low * ratePerS,
    mid: headroomRatio.mid * ratePerS,
    high: headroomRatio.high * ratePerS,
  }
  return {
    state: 'holds',
    evidence: 'extrapolated',
    value,
    headroomRatio,
    headroomOf: 'rate',
    because: because(value, first),
    // A formula reaches further than a curve, and is still not a measurement.
    firesBetween: { ...datesOf(study, { crossing, evidencePerS: 0 }), beyondEvidence: true },
    runs: runIds(evidence),
  }
}

function reckon({ study, evidence }: JudgeContext, { reckonedBy }: SymptomRule): Reckoned | null {
  switch (reckonedBy?.how) {
    case undefined:
      return null
    case 'per-event': {
      const { metric } = reckonedBy
      const stretches = evidence.rounds.flatMap((round) => stretchesOf(round, metric))
      const perEvent = spanOf(stretches.map(({ value }) => value))
      const found = findMetric(metric)
      if (perEvent === null || found === undefined) return null
      const written = (value: number): string => formatQuantity(value, found.unit)
      const shortestS = Math.min(...stretches.map(({ seconds }) => seconds))
      return {
        perEvent,
        factor: 1,
        how: `${found.title} of ${written(perEvent.low)} to ${written(perEvent.high)} over ${formatDurationS(shortestS)} or more, times the declared rate`,
      }
    }
    case 'between-vacuums':
      return betweenVacuums(FormulaRun.of(study, evidence))
  }
}

/** What costs something at its beginning alone weighs too much in less. */
const STRETCH_MIN_S = 5

interface Stretch {
  readonly value: number
  readonly seconds: number
}

/** The steps of a round that last long enough; where none does all of them together, if they do. */
function stretchesOf(round: Round, metric: string): readonly Stretch[] {
  const measured = measuredSteps(round)
  const steps = measured.map((step) => ({
    value: perArrival(step.metrics[metric], [step]),
    seconds: (step.toMs - step.fromMs) / 1e3,
  }))
  const whole = {
    value: perArrival(round.measured.metrics[metric], measured),
    seconds: measuredS(round),
  }
  const lasts = ({ seconds }: { readonly seconds: number }): boolean =>
    seconds >= STRETCH_MIN_S * SHORTER_RATIO
  const long = steps.filter(lasts)
  return (long.length > 0 ? long : [whole].filter(lasts)).flatMap(({ value, seconds }) =>
    value === null ? [] : [{ value, seconds }],
  )
}

/** A declared rate is of all events that arrive; the figure is of those that were not there already. */
function perArrival(perNewEvent: number | null | undefined, steps: readonly Step[]): number | null {
  return perNewEvent === null || perNewEvent === undefined
    ? null
    : perNewEvent * newEventsRatio(steps)
}

/** Steps end some milliseconds early or late. */
const SHORTER_RATIO = 0.99

function measuredS(round: Round): number {
  return measuredSteps(round).reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / 1e3
}

/** Why nothing is reckoned of rounds that were too short for it; null where that is not the reason. */
export function tooShortToReckon(
  { evidence }: JudgeContext,
  { reckonedBy }: SymptomRule,
): string | null {
  if (reckonedBy?.how !== 'per-event') return null
  const { metric } = reckonedBy
  const known = evidence.rounds.filter(({ measured }) => measured.metrics[metric] !== undefined)
  if (known.length === 0 || known.some((round) => stretchesOf(round, metric).length > 0))
    return null
  const longestS = Math.max(...known.map(measuredS))
  return `${formatDurationS(longestS)} were measured, and what an event costs is not taken from less than ${formatDurationS(STRETCH_MIN_S)}`
}

/**
 * Of the table with the most dead rows. null where none makes them by the event, and where the run lasted longer than
 * autovacuum sleeps: then it was seen, and the measured peak is the answer.
 */
function betweenVacuums(run: FormulaRun | null): Reckoned | null {
  if (run === null || run.measuredS > naptimeS(run.server)) return null
  const table = outdatedTable(run)
  if (table === null) return null
  const napS = naptimeS(run.server)
  const perEvent = spanOf(
    run.rounds.map((round) =>
      perArrival(
        deadRowsPerEvent(table, (key) => round.measured.metrics[key]),
        measuredSteps(round),
      ),
    ),
  )
  if (perEvent === null) return null
  return {
    perEvent,
    factor: deadRowsBetweenVisits(1, 1, napS),
    how: `${formatNumber(perEvent.mid)} rows of ${table} updated or deleted per event, gathered until autovacuum wakes every ${formatDurationS(napS)}; the run lasted ${formatDurationS(run.measuredS)}`,
  }
}

function spanOf(values: readonly (number | null)[]): Interval | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b)
  const low = known[0]
  const mid = known[known.length >> 1]
  const high = known.at(-1)
  return low === undefined || mid === undefined || high === undefined ? null : { low, mid, high }
}
