import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HORIZON_MONTHS,
  monthAfter,
  monthsUntil,
  projectCrossing,
} from '../../src/plan/projection.ts'

const START = '2026-11-21T10:22:00.000Z'

function same(value: number): { low: number; mid: number; high: number } {
  return { low: value, mid: value, high: value }
}

describe('months until a crossing', () => {
  it('doubles in about nine months at 8 % a month', () => {
    expect(monthsUntil(400, 800, 0.08)).toBeCloseTo(9.006, 2)
  })

  it('is now where the rate is there already, and never where it does not grow', () => {
    expect(monthsUntil(900, 800, 0.08)).toBe(0)
    expect(monthsUntil(400, 800, 0)).toBeNull()
    expect(monthsUntil(400, 800, -0.02)).toBeNull()
  })

  it('counts calendar months from the study’s own date', () => {
    expect(monthAfter(START, 0)).toBe('2026-11')
    expect(monthAfter(START, 0.5)).toBe('2026-12')
    expect(monthAfter(START, 13)).toBe('2027-12')
    expect(monthAfter('2026-12-31T23:59:59Z', 0.1)).toBe('2027-01')
  })

  it('pairs the fastest growth with the lowest crossing and the slowest with the highest', () => {
    const growthPerMonthRatio = { low: 0.05, mid: 0.08, high: 0.12 }
    const crossingPerS = { low: 700, mid: 800, high: 900 }
    expect(
      projectCrossing({ ratePerS: 400, growthPerMonthRatio, crossingPerS, startedAt: START }),
    ).toEqual({ earliest: '2027-04', likely: '2027-08', latest: '2028-04' })
  })

  it('names no month beyond its horizon', () => {
    const far = projectCrossing({
      ratePerS: 1,
      growthPerMonthRatio: same(0.01),
      crossingPerS: same(1.01 ** (HORIZON_MONTHS + 1)),
      startedAt: START,
    })
    expect(far).toEqual({ earliest: null, likely: null, latest: null })
  })

  it('never comes later for more growth, a lower crossing or a higher rate', () => {
    const growth = fc.double({ min: 0.001, max: 0.5, noNaN: true })
    const rate = fc.double({ min: 1, max: 1e5, noNaN: true })
    fc.assert(
      fc.property(rate, rate, growth, growth, (declared, crossing, a, b) => {
        const [slow, fast] = [Math.min(a, b), Math.max(a, b)]
        const months = (at: number, cross: number, g: number): number =>
          monthsUntil(at, cross, g) ?? Infinity
        expect(months(declared, crossing, fast)).toBeLessThanOrEqual(
          months(declared, crossing, slow),
        )
        expect(months(declared, crossing * 0.9, slow)).toBeLessThanOrEqual(
          months(declared, crossing, slow),
        )
        expect(months(declared * 1.1, crossing, slow)).toBeLessThanOrEqual(
          months(declared, crossing, slow),
        )
      }),
    )
  })

  it('keeps earliest ≤ likely ≤ latest', () => {
    const ordered = (min: number, max: number): fc.Arbitrary<[number, number, number]> =>
      fc
        .tuple(
          ...([0, 1, 2].map(() => fc.double({ min, max, noNaN: true })) as [never, never, never]),
        )
        .map(
          (values) => [...(values as number[])].sort((x, y) => x - y) as [number, number, number],
        )
    fc.assert(
      fc.property(ordered(0.001, 0.3), ordered(100, 10_000), (g, c) => {
        const months = projectCrossing({
          ratePerS: 100,
          growthPerMonthRatio: { low: g[0], mid: g[1], high: g[2] },
          crossingPerS: { low: c[0], mid: c[1], high: c[2] },
          startedAt: START,
        })
        const order = [months.earliest, months.likely, months.latest].map((one) => one ?? '9999-12')
        expect(order).toEqual(order.toSorted())
      }),
    )
  })
})
