/**
 * A metric as a function of the rate, from a handful of measured steps. In: points. Out: its value at a rate, the rate
 * at which it crosses a threshold, and how far either is from what was measured. More load is never taken to be better.
 */
import type { Point } from './evidence.ts'

/** Extrapolation reaches this far beyond the evidence and no further (design.md, honesty rule 4). */
export const EVIDENCE_REACH = 2

export type ValueAt =
  /** On or between measured steps. */
  | { readonly state: 'measured'; readonly value: number }
  /** Below the lowest measured step: at most this. */
  | { readonly state: 'at-most'; readonly value: number; readonly measuredAtPerS: number }
  | { readonly state: 'extrapolated'; readonly value: number }
  /** Between the last step that was answered and the first that was not. */
  | { readonly state: 'between'; readonly fromPerS: number; readonly toPerS: number }
  | { readonly state: 'beyond-evidence'; readonly reachPerS: number }
  | { readonly state: 'none' }

/** The running maximum: what holds at a rate held at every lower one, and noise never makes load look good. */
export function monotone(points: readonly Point[]): readonly Point[] {
  let worst = -Infinity
  return points
    .toSorted((a, b) => a.ratePerS - b.ratePerS)
    .map((point) => {
      worst = Math.max(worst, point.value)
      return { ratePerS: point.ratePerS, value: worst }
    })
}

export function valueAt(points: readonly Point[], ratePerS: number): ValueAt {
  const curve = monotone(points)
  const first = curve[0]
  const last = curve.at(-1)
  if (first === undefined || last === undefined) return { state: 'none' }
  if (ratePerS < first.ratePerS) {
    return { state: 'at-most', value: first.value, measuredAtPerS: first.ratePerS }
  }
  if (ratePerS <= last.ratePerS) return between(curve, ratePerS)
  // What was unanswered at less load stays unanswered.
  if (!Number.isFinite(last.value)) return { state: 'extrapolated', value: last.value }
  if (ratePerS > last.ratePerS * EVIDENCE_REACH) {
    return { state: 'beyond-evidence', reachPerS: last.ratePerS * EVIDENCE_REACH }
  }
  const before = curve.at(-2)
  const slope = before === undefined ? last.value / last.ratePerS : slopeOf(before, last)
  return { state: 'extrapolated', value: last.value + slope * (ratePerS - last.ratePerS) }
}

/** The bracket in which a threshold is crossed; null where no measured step was beyond it. */
export interface Crossing {
  /** Highest rate known to keep the threshold; 0 where the first step broke it already. */
  readonly low: number
  readonly mid: number
  readonly high: number
}

export function crossingOf(points: readonly Point[], threshold: number): Crossing | null {
  const curve = monotone(points)
  const over = curve.findIndex((point) => point.value > threshold)
  const above = curve[over]
  if (above === undefined) return null
  const below = over === 0 ? { ratePerS: 0, value: 0 } : curve[over - 1]
  if (below === undefined) return null
  if (over === 0) return { low: 0, mid: above.ratePerS, high: above.ratePerS }
  // Nobody knows where an unanswered step began to fail: the last kept rate is what can be relied on.
  const mid = Number.isFinite(above.value)
    ? below.ratePerS + (threshold - below.value) / slopeOf(below, above)
    : below.ratePerS
  return { low: below.ratePerS, mid, high: above.ratePerS }
}

function between(curve: readonly Point[], ratePerS: number): ValueAt {
  const right = curve.findIndex((point) => point.ratePerS >= ratePerS)
  const above = curve[right]
  const below = curve[right - 1]
  if (above === undefined) return { state: 'none' }
  if (below === undefined || above.ratePerS === ratePerS) {
    return { state: 'measured', value: above.value }
  }
  if (!Number.isFinite(above.value)) {
    return Number.isFinite(below.value)
      ? { state: 'between', fromPerS: below.ratePerS, toPerS: above.ratePerS }
      : { state: 'measured', value: Infinity }
  }
  const value = below.value + slopeOf(below, above) * (ratePerS - below.ratePerS)
  return { state: 'measured', value }
}

function slopeOf(a: Point, b: Point): number {
  return a.ratePerS === b.ratePerS ? 0 : (b.value - a.value) / (b.ratePerS - a.ratePerS)
}
