import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bootstrapInterval,
  generator,
  intervalOverRounds,
  medianOf,
  quantileOf,
  rank,
  scaleInterval,
  separates,
} from '../../src/judge/statistics.ts'

const value = fc.double({ min: 0.001, max: 1e6, noNaN: true })

describe('intervals over rounds', () => {
  it('is the range around the median below five rounds', () => {
    expect(intervalOverRounds([3, 1, 2])).toEqual({ low: 1, mid: 2, high: 3 })
    expect(intervalOverRounds([4])).toEqual({ low: 4, mid: 4, high: 4 })
    expect(intervalOverRounds([])).toBeNull()
    expect(medianOf([])).toBeNull()
    expect(quantileOf([], 0.5)).toBeNaN()
  })

  it('is a bootstrap interval of the median from five rounds on, the same every time', () => {
    const values = [10, 11, 12, 13, 30, 11, 12, 12, 11]
    const interval = intervalOverRounds(values)!
    expect(interval).toEqual(intervalOverRounds(values))
    expect(interval.mid).toBe(12)
    expect(interval.high).toBeLessThan(30)
  })

  it('keeps endless values at the end where they belong', () => {
    expect(intervalOverRounds([1, 2, Infinity])).toEqual({ low: 1, mid: 2, high: Infinity })
    expect(intervalOverRounds([1, 2, 3, 4, Infinity])).toEqual({ low: 1, mid: 3, high: Infinity })
  })

  it('stays within the values and around their median', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 12 }), (values) => {
        const { low, mid, high } = intervalOverRounds(values)!
        expect(low).toBeLessThanOrEqual(mid)
        expect(mid).toBeLessThanOrEqual(high)
        expect(low).toBeGreaterThanOrEqual(Math.min(...values))
        expect(high).toBeLessThanOrEqual(Math.max(...values))
      }),
      { numRuns: 60 },
    )
  })

  it('is never better on its good side for one more round that was worse', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
        const before = intervalOverRounds(values)!
        const after = intervalOverRounds([...values, Math.max(...values) * 2])!
        expect(after.low).toBeGreaterThanOrEqual(before.low)
        expect(after.mid).toBeGreaterThanOrEqual(before.mid)
      }),
      { numRuns: 40 },
    )
  })

  it('covers the truth about as often as it says', () => {
    const next = generator(7)
    let covered = 0
    for (let trial = 0; trial < 100; trial++) {
      const drawn = Array.from({ length: 15 }, () => next() + next() + next())
      const { low, high } = bootstrapInterval(drawn, {
        statistic: (v) => medianOf(v) ?? 0,
        seed: trial,
      })
      if (low <= 1.5 && 1.5 <= high) covered++
    }
    expect(covered).toBeGreaterThan(100 * 0.86)
  })

  it('scales without losing a side', () => {
    expect(scaleInterval({ low: 1, mid: 2, high: 3 }, -1)).toEqual({ low: -3, mid: -2, high: -1 })
  })

  it('separates two intervals only where they share nothing, whichever comes first', () => {
    expect(separates({ low: 1, mid: 2, high: 3 }, { low: 3, mid: 4, high: 5 })).toBe(false)
    expect(separates({ low: 4, mid: 4, high: 5 }, { low: 1, mid: 2, high: 3 })).toBe(true)
    const interval = fc
      .tuple(value, value)
      .map(([a, b]) => ({ low: Math.min(a, b), mid: (a + b) / 2, high: Math.max(a, b) }))
    fc.assert(
      fc.property(interval, interval, (a, b) => {
        expect(separates(a, b)).toBe(separates(b, a))
        expect(separates(a, a)).toBe(false)
      }),
    )
  })
})

describe('ranking', () => {
  it('needs three interleaved rounds of each', () => {
    const two = [
      { name: 'a', values: [1, 1.1, 1.2] },
      { name: 'b', values: [5, 6] },
    ]
    expect(rank(two, 'less')).toEqual({
      order: null,
      because: 'b counted 2 of the 3 interleaved rounds a ranking takes',
    })
    expect(rank([], 'less').order).toBeNull()
    expect(rank(two.slice(0, 1), 'less').order).toBeNull()
  })

  it('orders best first where all neighbours separate', () => {
    const inputs = [
      { name: 'slow', values: [9, 9.5, 10] },
      { name: 'fast', values: [1, 1.1, 1.2] },
      { name: 'middle', values: [4, 5, 6] },
    ]
    expect(rank(inputs, 'less').order).toEqual(['fast', 'middle', 'slow'])
    expect(rank(inputs, 'more').order).toEqual(['slow', 'middle', 'fast'])
  })

  it('names the two whose rounds overlap', () => {
    const inputs = [
      { name: 'a', values: [1, 2, 3] },
      { name: 'b', values: [2.5, 4, 5] },
      { name: 'c', values: [9, 10, 11] },
    ]
    expect(rank(inputs, 'less')).toEqual({
      order: null,
      because: 'the rounds of a and b overlap',
    })
  })

  it('never ranks equal targets, whatever their order', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 4 }), (values) => {
        const inputs = [
          { name: 'a', values },
          { name: 'b', values: values.toReversed() },
        ]
        expect(rank(inputs, 'less').order).toBeNull()
      }),
    )
  })
})
