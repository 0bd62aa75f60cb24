import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Thinner, thin } from '../../src/results/thin.ts'
import type { Point } from '../../src/results/thin.ts'

const series = fc
  .array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 400 })
  .map((values): Point[] => values.map((v, t) => ({ t, v: v + 0 })))
const max = fc.integer({ min: 2, max: 60 })

describe('thin', () => {
  it('never returns more points than asked for', () => {
    fc.assert(
      fc.property(series, max, (points, most) => {
        expect(thin(points, most).length).toBeLessThanOrEqual(most)
      }),
    )
  })

  it('returns points of the series in their order, none twice', () => {
    fc.assert(
      fc.property(series, max, (points, most) => {
        const times = thin(points, most).map((point) => point.t)
        expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
        for (const point of thin(points, most)) expect(points[point.t]).toBe(point)
      }),
    )
  })

  it('keeps the highest and the lowest value of the whole series', () => {
    fc.assert(
      fc.property(series, max, (points, most) => {
        if (points.length === 0) return
        const kept = thin(points, most).map((point) => point.v)
        const all = points.map((point) => point.v)
        expect(Math.max(...kept)).toBe(Math.max(...all))
        expect(Math.min(...kept)).toBe(Math.min(...all))
      }),
    )
  })

  it('keeps the first and the last point when at least four may stay', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 4, max: 60 }), (points, most) => {
        const kept = thin(points, most)
        expect(kept[0]).toBe(points[0])
        expect(kept.at(-1)).toBe(points.at(-1))
      }),
    )
  })

  it('keeps a peak of every stretch, not of the whole only', () => {
    const points = Array.from({ length: 10_000 }, (_, t) => ({ t, v: t % 500 === 250 ? 1_000 : 0 }))
    const peaks = thin(points, 200).filter((point) => point.v === 1_000)
    expect(peaks).toHaveLength(20)
  })

  it('leaves a series alone that is short enough', () => {
    fc.assert(
      fc.property(series, (points) => {
        expect(thin(points, Math.max(2, points.length))).toEqual(points)
      }),
    )
  })

  it('uses at least a quarter of the points it may keep when there are many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), fc.integer({ min: 1, max: 40 }), (most, times) => {
        const points = Array.from({ length: most * times + 1 }, (_, t) => ({ t, v: (t * 7919) % 101 }))
        expect(thin(points, most).length).toBeGreaterThanOrEqual(Math.floor(most / 4))
      }),
    )
  })

  it('refuses a limit that cannot hold a peak and a valley', () => {
    expect(() => new Thinner(1)).toThrow(RangeError)
    expect(() => new Thinner(2.5)).toThrow(RangeError)
  })
})
