/**
 * What every counting round says about a metric at the declared rate. In: rounds and a rule. Out: one curve per round,
 * without the steps that were too short and those whose failure was not the architecture's.
 */
import type { Step } from '../results/record.ts'
import type { SymptomRule } from './trigger.ts'
import { crossingOf, valueAt } from './curve.ts'
import type { Crossing, ValueAt } from './curve.ts'
import { measuredSteps } from './evidence.ts'
import type { Point, Round } from './evidence.ts'
import { ruleValue } from './rule-value.ts'
import { intervalOverRounds, medianOf } from './statistics.ts'
import { excuseOf } from './whose-limit.ts'

/** A value at a rate, or why a round cannot be asked: its failure there was not the architecture's. */
export type Answer = ValueAt | { readonly state: 'excused'; readonly because: string }

export interface RoundCurve {
  readonly round: Round
  readonly points: readonly Point[]
  readonly at: Answer
}

export interface CurveOptions {
  readonly rule: SymptomRule
  readonly threshold: number
  readonly ratePerS: number
}

/** Rounds that know the metric; one with nothing but excused steps is kept, for it is asked and cannot say. */
export function roundCurves(
  rounds: readonly Round[],
  options: CurveOptions,
): readonly RoundCurve[] {
  return rounds.flatMap((round) => {
    const steps = measuredSteps(round)
      .filter(
        (step) => lastsWindow(step, options.rule.windowS) || countsCutShort(step, options.rule),
      )
      .flatMap((step) => {
        const value = ruleValue(step, options.rule)
        return value === null ? [] : [{ step, point: { ratePerS: step.targetPerS, value } }]
      })
      .toSorted((a, b) => a.point.ratePerS - b.point.ratePerS)
    const judged = steps.map(({ step, point }) => ({
      point,
      excuse: point.value > options.threshold ? excuseOf(round, step) : null,
    }))
    const points = judged.filter((one) => one.excuse === null).map((one) => one.point)
    const excuse = judged.map((one) => one.excuse).find((one) => one !== null)
    if (points.length === 0 && excuse === undefined) return []
    return [{ round, points, at: answerAt(points, excuse, options.ratePerS) }]
  })
}

/** What a round says for sure: `otherwise` where it cannot say. */
export function boundOf(at: Answer, threshold: number, otherwise: number): number {
  switch (at.state) {
    case 'measured':
    case 'extrapolated':
      return at.value
    case 'at-most':
      return at.value <= threshold ? at.value : otherwise
    case 'between':
    case 'beyond-evidence':
    case 'excused':
    case 'none':
      return otherwise
  }
}

/**
 * Over rounds: lowest low, median, highest high. A round that never crossed counts with the highest rate it reached, as
 * a lower bound; null where no round crossed.
 */
export function crossingOverRounds(
  curves: readonly { readonly points: readonly Point[] }[],
  threshold: number,
): Crossing | null {
  const known = curves.filter((curve) => curve.points.length > 0)
  const found = known.map((curve) => crossingOf(curve.points, threshold))
  if (found.every((crossing) => crossing === null)) return null
  const reached = found.map((crossing, i) => {
    const top = known[i]?.points.at(-1)?.ratePerS ?? 0
    return crossing ?? { low: top, mid: top, high: top }
  })
  const low = intervalOverRounds(reached.map((one) => one.low))
  const mid = medianOf(reached.map((one) => one.mid))
  const high = intervalOverRounds(reached.map((one) => one.high))
  if (low === null || mid === null || high === null) return null
  return { low: low.low, mid, high: high.high }
}

/** The highest rate that every round with evidence reached. */
export function reachOf(curves: readonly RoundCurve[]): number {
  const tops = curves
    .map((curve) => curve.points.at(-1)?.ratePerS)
    .filter((top) => top !== undefined)
  return tops.length === 0 ? 0 : Math.min(...tops)
}

function answerAt(points: readonly Point[], excuse: string | undefined, ratePerS: number): Answer {
  const top = points.at(-1)?.ratePerS ?? 0
  // A step that failed for another reason is no ground to extrapolate across.
  if (excuse !== undefined && ratePerS > top) return { state: 'excused', because: excuse }
  return valueAt(points, ratePerS)
}

/** A step that was cut short shows what broke it; how much an event costs is not seen in a second of it. */
function countsCutShort({ brokenSlo }: Step, { reckonedBy }: SymptomRule): boolean {
  return brokenSlo !== null && reckonedBy?.how !== 'per-event'
}

function lastsWindow(
  step: { readonly fromMs: number; readonly toMs: number },
  windowS: number,
): boolean {
  return step.toMs - step.fromMs >= windowS * 990
}
