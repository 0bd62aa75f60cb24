import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryTrend, perMinute } from '../../bench/soak/memory-trend.ts'

const MB = 1e6
const sampled = (seconds: number, bytesAt: (s: number) => number) =>
  Array.from({ length: seconds }, (_, s) => ({ atS: s + 1, rssBytes: bytesAt(s + 1) }))

describe('the memory trend', () => {
  it('tells the rise of a straight line, over the last two thirds of the run', () => {
    fc.assert(
      fc.property(fc.double({ min: -2_000, max: 50_000, noNaN: true }), (bytesPerS) => {
        const trend = memoryTrend(sampled(1_800, (s) => 150 * MB + bytesPerS * s))
        expect(trend.fromS).toBeCloseTo(600)
        expect(trend.riseBytes).toBeCloseTo(bytesPerS * 1_200, -1)
        expect(trend.quarterRiseBytes).toBeCloseTo(bytesPerS * 900, -3)
      }),
    )
  })

  it('does not take growth while warming up for growth', () => {
    const trend = memoryTrend(sampled(1_800, (s) => (s < 600 ? s * 0.2 * MB : 120 * MB)))
    expect(trend.maxBytes).toBe(120 * MB)
    expect(trend.riseBytes).toBeCloseTo(0)
  })

  it('does not take the saw teeth of a garbage collector for growth', () => {
    const trend = memoryTrend(sampled(1_800, (s) => (100 + (s % 37)) * MB))
    expect(Math.abs(trend.riseBytes)).toBeLessThan(2 * MB)
    expect(Math.abs(trend.quarterRiseBytes)).toBeLessThan(2 * MB)
  })

  it('sees a leak of ten megabytes in twenty minutes below those teeth', () => {
    const leak = (10 * MB) / 1_200
    const trend = memoryTrend(sampled(1_800, (s) => (100 + (s % 37)) * MB + leak * s))
    expect(trend.riseBytes).toBeGreaterThan(8 * MB)
  })

  it('refuses to judge without a sample', () => {
    expect(() => memoryTrend([])).toThrow('no sample')
  })
})

describe('minutes', () => {
  it('hold every sample once, by its median and its highest', () => {
    const minutes = perMinute(sampled(150, (s) => s * MB))
    expect(minutes.map(({ minute }) => minute)).toEqual([0, 1, 2])
    expect(minutes[0]).toEqual({ minute: 0, medianBytes: 30 * MB, maxBytes: 59 * MB })
    expect(minutes.at(-1)?.maxBytes).toBe(150 * MB)
  })
})
