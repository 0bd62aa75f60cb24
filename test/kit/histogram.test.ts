import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import {
  Histogram,
  HISTOGRAM_RELATIVE_ERROR,
  HISTOGRAM_RESOLUTION_US,
  mergeEncoded,
  percentilesOf,
} from '../../src/kit/histogram.ts'

const spanUs = fc.oneof(
  fc.double({ min: 0, max: 50, noNaN: true }),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.double({ min: 0, max: 5e11, noNaN: true }),
)

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

function trueQuantile(values: readonly number[], infinite: number, ratio: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((values.length + infinite) * ratio - 1e-9))
  return sorted[rank - 1] ?? Infinity
}

function expectClose(seen: number | 'infinite' | null, truth: number): void {
  if (truth === Infinity) {
    expect(seen).toBe('infinite')
    return
  }
  const allowed = Math.max(HISTOGRAM_RESOLUTION_US, truth * HISTOGRAM_RELATIVE_ERROR * 1.01)
  expect(Math.abs(Number(seen) - truth)).toBeLessThanOrEqual(allowed)
}

describe('histogram', () => {
  it('answers every quantile within its stated error', () => {
    fc.assert(
      fc.property(
        fc.array(spanUs, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, ratio) => {
          expectClose(filled(values).quantileUs(ratio), trueQuantile(values, 0, ratio))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('states an error below 0.8 % and keeps it over ten days of microseconds', () => {
    expect(HISTOGRAM_RELATIVE_ERROR).toBeLessThan(0.008)
    for (let us = 13; us < 8e11; us *= 1.013) {
      const histogram = filled([us, us * 100])
      expectClose(histogram.quantileUs(0.5), us)
    }
  })

  it('ranks infinite values above every finite one', () => {
    fc.assert(
      fc.property(
        fc.array(spanUs, { minLength: 1, maxLength: 100 }),
        fc.nat({ max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, infinite, ratio) => {
          const histogram = filled(values)
          histogram.recordInfinite(infinite)
          expectClose(histogram.quantileUs(ratio), trueQuantile(values, infinite, ratio))
        },
      ),
    )
  })

  it('merges to the same histogram as if everything had been recorded in one', () => {
    fc.assert(
      fc.property(fc.array(spanUs), fc.array(spanUs), fc.nat({ max: 9 }), (a, b, infinite) => {
        const left = filled(a)
        left.recordInfinite(infinite)
        left.merge(filled(b))
        const both = filled([...a, ...b])
        both.recordInfinite(infinite)
        expect(left.encode()).toEqual(both.encode())
        expect(left.maxUs).toBe(both.maxUs)
      }),
    )
  })

  it('survives encode and decode without moving a value to another bucket', () => {
    fc.assert(
      fc.property(fc.array(spanUs), fc.nat({ max: 9 }), (values, infinite) => {
        const histogram = filled(values)
        histogram.recordInfinite(infinite)
        const once = Histogram.decode(histogram.encode())
        expect(once.count).toBe(values.length)
        expect(once.infinite).toBe(infinite)
        const twice = Histogram.decode(once.encode())
        for (const ratio of [0, 0.1, 0.5, 0.9, 0.99, 0.999]) {
          const truth = trueQuantile(values, infinite, ratio)
          if (values.length + infinite > 0) expectClose(once.quantileUs(ratio), truth)
          expect(twice.quantileUs(ratio)).toBe(once.quantileUs(ratio))
        }
      }),
    )
  })

  it('merges encoded parts in any grouping to the same text', () => {
    fc.assert(
      fc.property(fc.array(spanUs), fc.array(spanUs), fc.array(spanUs), (a, b, c) => {
        const [x, y, z] = [filled(a).encode(), filled(b).encode(), filled(c).encode()]
        const counts = mergeEncoded([mergeEncoded([x, y]), z])
        expect(mergeEncoded([x, mergeEncoded([y, z])])).toEqual(counts)
        expect(counts.count).toBe(a.length + b.length + c.length)
      }),
    )
  })

  it('counts a negative span as zero and a huge one as its ceiling', () => {
    const histogram = filled([-3, -0.01, 1e15])
    expect(histogram.quantileUs(0.5)).toBe(0)
    expect(histogram.count).toBe(3)
    expect(Histogram.decode(histogram.encode()).count).toBe(3)
  })

  it('counts an infinite value wherever it comes from', () => {
    expect(filled([1, Infinity]).infinite).toBe(1)
  })

  it('forgets everything on reset', () => {
    const histogram = filled([5, 6, Infinity])
    histogram.reset()
    expect(histogram.quantileUs(0.5)).toBeNull()
    expect(percentilesOf(histogram)).toBeNull()
  })

  it('gives the percentiles of a record from a live and from an encoded histogram alike', () => {
    const histogram = filled(Array.from({ length: 1000 }, (_, i) => (i + 1) * 100))
    histogram.recordInfinite(5)
    const live = percentilesOf(histogram)
    expect(live).toMatchObject({ samples: 1005, infinite: 5, max: 'infinite', p999: 'infinite' })
    expectClose(live?.p50 ?? null, 50_300)
    expect(percentilesOf(histogram.encode())).toEqual(live)
  })

  it('refuses a text whose values do not add up to its count', () => {
    const encoded = filled([1, 2, 3]).encode()
    expect(() => Histogram.decode({ ...encoded, count: 4 })).toThrow('holds 3 values and says 4')
    expect(() => Histogram.decode({ ...encoded, hdr: 'bm90IGhkcg==' })).toThrow()
  })
})
