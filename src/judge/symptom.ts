/**
 * A symptom that grows with the rate, judged at the declared rate. In: a target's evidence. Out: fired, holds with
 * headroom, or unknown with the command that would tell.
 */
import { findMetric } from '../collect/metrics.ts'
import { formatDurationS, formatQuantity, formatRate } from '../kit/units.ts'
import type { Interval, StudyRecord } from '../results/record.ts'
import { measureCommand } from './command.ts'
import { conditionsOf } from './conditions.ts'
import { EVIDENCE_REACH, crossingOf, monotone } from './curve.ts'
import type { Crossing } from './curve.ts'
import { datesOf, notBefore } from './dates.ts'
import { discardedInWords, measuredSteps, runIds } from './evidence.ts'
import type { TargetEvidence } from './evidence.ts'
import { reckonedVerdict, tooShortToReckon } from './reckoned.ts'
import { boundOf, crossingOverRounds, reachOf, roundCurves } from './round-curve.ts'
import type { RoundCurve } from './round-curve.ts'
import { worstMetric } from './rule-value.ts'
import { intervalOverRounds, medianOf, scaleInterval } from './statistics.ts'
import type { SymptomRule, Trigger } from './trigger.ts'
import type { Verdict } from './verdict.ts'

export interface JudgeContext {
  readonly trigger: Trigger
  readonly study: StudyRecord
  readonly evidence: TargetEvidence
}

export function judgeRateSymptom(context: JudgeContext, rule: SymptomRule): Verdict {
  const { evidence, study } = context
  const { ratePerS } = study.profile
  if (evidence.rounds.length === 0) return noRoundCounts(context)
  const first = rule.thresholds.warning ?? rule.thresholds.critical
  const curves = roundCurves(evidence.rounds, { rule, threshold: first, ratePerS })
  if (curves.length === 0) {
    // Steps that are too short by themselves may together say what an event costs.
    const reckoned = rule.reckonedBy?.how === 'per-event' ? reckonedVerdict(context, rule) : null
    return reckoned ?? unknown(context, unmeasured(context, rule))
  }
  return verdictAt({ context, rule, curves, threshold: first })
}

function unmeasured(context: JudgeContext, rule: SymptomRule): string {
  const none = `no step of this scenario measured ${rule.metrics.join(' or ')} for ${formatDurationS(rule.windowS)}`
  const short = tooShortToReckon(context, rule)
  return short === null ? none : `${none}; ${short}`
}

/** By what most rounds say for sure at the declared rate, else by the rule's formula, else unknown. */
function verdictAt(input: Undecided): Verdict {
  const { context, rule, curves, threshold } = input
  const low = medianOf(curves.map((curve) => boundOf(curve.at, threshold, -Infinity))) ?? Number.NaN
  const high = medianOf(curves.map((curve) => boundOf(curve.at, threshold, Infinity))) ?? Number.NaN
  if (low > threshold) return fired({ context, rule, curves, value: low })
  const reckoned = reckonedVerdict(context, rule)
  // Rounds that cannot say make it NaN: no bound is no hold.
  if (!(high <= threshold)) return reckoned ?? undecided(input)
  // What a run is too short to see may still come: dead rows gather until autovacuum wakes.
  const comes = rule.reckonedBy?.how === 'between-vacuums' ? reckoned : null
  return comes ?? holds({ context, rule, curves, value: high })
}

interface Judged {
  readonly context: JudgeContext
  readonly rule: SymptomRule
  readonly curves: readonly RoundCurve[]
  readonly value: number
}

function fired(judged: Judged): Verdict {
  const { context, rule, curves, value } = judged
  const { ratePerS } = context.study.profile
  const level = value > rule.thresholds.critical ? 'critical' : 'warning'
  const threshold = level === 'critical' ? rule.thresholds.critical : rule.thresholds.warning
  const limit = threshold ?? rule.thresholds.critical
  const worse = curves.filter((curve) => boundOf(curve.at, limit, -Infinity) > limit).length
  const how = evidenceState(judged, limit)
  return {
    state: 'fired',
    level,
    evidence: how,
    value,
    because: [
      `${write(judged, value)} at ${formatRate(ratePerS)} (${how}) is beyond ${write(judged, limit)}`,
      ` in ${String(worse)} of ${String(curves.length)} rounds; ${conditionsOf(context.evidence.rounds)}`,
    ].join(''),
    runs: runIds(context.evidence),
  }
}

function holds(judged: Judged): Verdict {
  const { context, rule, curves, value } = judged
  const { ratePerS } = context.study.profile
  const threshold = rule.thresholds.warning ?? rule.thresholds.critical
  const reachPerS = reachOf(curves)
  const crossing = crossingOverRounds(curves, threshold)
  const evidence = evidenceState(judged, threshold)
  const close = value > threshold * (1 - rule.hysteresisRatio) ? ', close to it' : ''
  const because = [
    `${write(judged, value)} ${whereOf(judged)} (${evidence}), limit ${write(judged, threshold)}${close}; `,
    crossing === null
      ? `no crossing up to ${formatRate(reachPerS)}; `
      : `crossed between ${formatRate(crossing.low)} and ${formatRate(crossing.high)}; `,
    conditionsOf(context.evidence.rounds),
  ].join('')
  return {
    state: 'holds',
    evidence,
    value,
    ...headroom({ judged, crossing, threshold }),
    because,
    firesBetween:
      crossing === null
        ? notBefore(context.study, reachPerS)
        : datesOf(context.study, { crossing, evidencePerS: reachPerS * EVIDENCE_REACH }),
    runs: runIds(context.evidence),
  }

  function whereOf(of: Judged): string {
    const above = of.curves.map((curve) => curve.at).find((at) => at.state === 'at-most')
    return above?.state === 'at-most'
      ? `at ${formatRate(above.measuredAtPerS)}, more than the declared ${formatRate(ratePerS)}`
      : `at ${formatRate(ratePerS)}`
  }
}

interface HeadroomInput {
  readonly judged: Judged
  readonly crossing: Crossing | null
  readonly threshold: number
}

function headroom(input: HeadroomInput): {
  readonly headroomRatio: Interval | null
  readonly headroomOf: 'rate' | 'metric'
} {
  const { judged, crossing, threshold } = input
  const { ratePerS } = judged.context.study.profile
  if (crossing !== null) {
    return { headroomRatio: scaleInterval(crossing, 1 / ratePerS), headroomOf: 'rate' }
  }
  const ratios = judged.curves
    .map((curve) => threshold / boundOf(curve.at, threshold, Infinity))
    .filter((ratio) => Number.isFinite(ratio))
  return { headroomRatio: intervalOverRounds(ratios), headroomOf: 'metric' }
}

interface Undecided {
  readonly context: JudgeContext
  readonly rule: SymptomRule
  readonly curves: readonly RoundCurve[]
  readonly threshold: number
}

function undecided(input: Undecided): Verdict {
  const { context, curves, threshold } = input
  const { ratePerS } = context.study.profile
  const uncertain = curves
    .map((curve) => curve.at)
    .find((at) => at.state !== 'measured' && at.state !== 'extrapolated')
  switch (uncertain?.state) {
    case 'beyond-evidence':
      return unknown(
        context,
        `${formatRate(ratePerS)} is beyond evidence: what was measured reaches ${formatRate(uncertain.reachPerS / EVIDENCE_REACH)} and supports at most twice that`,
      )
    case 'between':
      return unknown(
        context,
        `${formatRate(ratePerS)} lies between ${formatRate(uncertain.fromPerS)}, which was answered, and ${formatRate(uncertain.toPerS)}, which was not`,
      )
    case 'at-most':
      return unknown(
        context,
        `the lowest measured rate, ${formatRate(uncertain.measuredAtPerS)}, is already beyond ${write(input, threshold)}; ${formatRate(ratePerS)} was not measured`,
      )
    case 'excused':
      return unknown(context, uncertain.because)
    case 'none':
    case undefined:
      return unknown(context, 'the rounds do not agree')
  }
}

/** Measured only where a step was really run at the declared rate or the crossing does not enclose it. */
function evidenceState(judged: Judged, threshold: number): 'measured' | 'extrapolated' {
  const { ratePerS } = judged.context.study.profile
  const all = judged.curves.every((curve) => {
    if (curve.at.state === 'extrapolated') return false
    const crossing = crossingOf(curve.points, threshold)
    const onStep = monotone(curve.points).some((point) => point.ratePerS === ratePerS)
    return onStep || crossing === null || ratePerS <= crossing.low || ratePerS >= crossing.high
  })
  return all ? 'measured' : 'extrapolated'
}

export function noRoundCounts(context: JudgeContext): Verdict {
  const why = discardedInWords(context.evidence.discarded)
  return unknown(context, why === '' ? 'this target was not run' : `no round counts: ${why}`)
}

export function unknown(context: JudgeContext, because: string, rows?: number): Verdict {
  const { trigger, study, evidence } = context
  const options = { trigger, study, target: evidence.target }
  return {
    state: 'unknown',
    because,
    command: measureCommand(rows === undefined ? options : { ...options, rows }),
  }
}

/** By the metric that is worst at the rate nearest to the declared one: a rule may have several. */
function write({ context, rule }: Pick<Judged, 'context' | 'rule'>, value: number): string {
  const { ratePerS } = context.study.profile
  const steps = context.evidence.rounds.flatMap(measuredSteps)
  const away = (targetPerS: number): number => Math.abs(targetPerS - ratePerS)
  const nearest = Math.min(...steps.map(({ targetPerS }) => away(targetPerS)))
  const near = steps.filter(({ targetPerS }) => away(targetPerS) === nearest)
  const key = worstMetric(near, rule)
  const metric = findMetric(key)
  return `${metric?.title ?? key} ${formatQuantity(value, metric?.unit ?? '')}`
}
