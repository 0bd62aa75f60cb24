import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crossingOf, monotone, valueAt } from '../../src/judge/curve.ts'
import type { Point } from '../../src/judge/evidence.ts'

const CURVE: readonly Point[] = [
  { ratePerS: 500, value: 5 },
  { ratePerS: 1000, value: 7 },
  { ratePerS: 2000, value: 17 },
]
const BROKEN: readonly Point[] = [...CURVE, { ratePerS: 4000, value: Infinity }]

const curves = fc
  .uniqueArray(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 8 })
  .chain((rates) =>
    fc
      .array(fc.double({ min: 0.1, max: 1e6, noNaN: true }), {
        minLength: rates.length,
        maxLength: rates.length,
      })
      .map((values) => rates.map((ratePerS, i) => ({ ratePerS, value: values[i]! }))),
  )

describe('a metric at a rate', () => {
  it('is what was measured on a step and a straight line between two', () => {
    expect(valueAt(CURVE, 1000)).toEqual({ state: 'measured', value: 7 })
    expect(valueAt(CURVE, 1500)).toEqual({ state: 'measured', value: 12 })
  })

  it('is at most the lowest step’s value below it', () => {
    expect(valueAt(CURVE, 100)).toEqual({ state: 'at-most', value: 5, measuredAtPerS: 500 })
  })

  it('goes on along the last slope up to twice the evidence and no further', () => {
    expect(valueAt(CURVE, 4000)).toEqual({ state: 'extrapolated', value: 37 })
    expect(valueAt(CURVE, 4001)).toEqual({ state: 'beyond-evidence', reachPerS: 4000 })
    expect(valueAt([{ ratePerS: 100, value: 5 }], 200)).toEqual({
      state: 'extrapolated',
      value: 10,
    })
  })

  it('does not guess between an answered and an unanswered step', () => {
    expect(valueAt(BROKEN, 3000)).toEqual({ state: 'between', fromPerS: 2000, toPerS: 4000 })
    expect(valueAt(BROKEN, 4000)).toEqual({ state: 'measured', value: Infinity })
    expect(valueAt(BROKEN, 90_000)).toEqual({ state: 'extrapolated', value: Infinity })
    expect(valueAt([], 1)).toEqual({ state: 'none' })
  })

  it('crosses a threshold inside the bracket of two steps', () => {
    expect(crossingOf(CURVE, 12)).toEqual({ low: 1000, mid: 1500, high: 2000 })
    expect(crossingOf(CURVE, 17)).toBeNull()
    expect(crossingOf(BROKEN, 50)).toEqual({ low: 2000, mid: 2000, high: 4000 })
    expect(crossingOf(CURVE, 1)).toEqual({ low: 0, mid: 500, high: 500 })
    expect(crossingOf([], 1)).toBeNull()
  })

  it('never takes more load to be better', () => {
    fc.assert(
      fc.property(
        curves,
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 0, max: 50_000 }),
        (points, rate, more) => {
          const values = monotone(points).map((point) => point.value)
          expect(values).toEqual(values.toSorted((a, b) => a - b))
          const less = valueAt(points, rate)
          const worse = valueAt(points, rate + more)
          if ('value' in less && 'value' in worse) {
            expect(worse.value).toBeGreaterThanOrEqual(less.value * (1 - 1e-12))
          }
        },
      ),
    )
  })

  it('puts the crossing inside the steps, and later for a looser threshold', () => {
    const threshold = fc.double({ min: 0.1, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(curves, threshold, (points, limit) => {
        const crossing = crossingOf(points, limit)
        const looser = crossingOf(points, limit * 2)
        if (crossing === null) {
          expect(looser).toBeNull()
          return
        }
        expect(crossing.low).toBeLessThanOrEqual(crossing.mid)
        expect(crossing.mid).toBeLessThanOrEqual(crossing.high * (1 + 1e-12))
        if (looser !== null) expect(looser.low).toBeGreaterThanOrEqual(crossing.low)
      }),
    )
  })
})
