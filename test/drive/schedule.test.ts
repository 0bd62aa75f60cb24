import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import type { Segment } from '../../src/drive/job.ts'
import { eventTimes, recordedSchedule, schedule } from '../../src/drive/schedule.ts'

/** Segments one after the other, some with gaps between them, some ramps, some at rate 0. */
const segments = fc
  .array(
    fc.record({
      gapS: fc.constantFrom(0, 0, 0, 0.5),
      lengthS: fc.double({ min: 0.01, max: 5, noNaN: true }),
      fromPerS: fc.double({ min: 0, max: 2_000, noNaN: true }),
      isRamp: fc.boolean(),
      toPerS: fc.double({ min: 0, max: 2_000, noNaN: true }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => {
    let atS = 0
    return parts.map(({ gapS, lengthS, fromPerS, isRamp, toPerS }, k): Segment => {
      const fromS = atS + gapS
      atS = fromS + lengthS
      const end = isRamp ? toPerS : fromPerS
      return { name: `s${k}`, kind: 'measure', fromS, toS: atS, fromPerS, toPerS: end }
    })
  })

const options = fc.record({
  segments,
  spacing: fc.constantFrom('even' as const, 'poisson' as const),
  seed: fc.nat(),
  batchEvents: fc.constantFrom(1, 1, 7, 100),
  eventCount: fc.constant(Infinity),
})

function constant(ratePerS: number, seconds: number): Segment {
  const rate = { fromPerS: ratePerS, toPerS: ratePerS }
  return { name: 'c', kind: 'measure', fromS: 0, toS: seconds, ...rate }
}

describe('schedule', () => {
  it('never descends, and stays inside its segments', () => {
    fc.assert(
      fc.property(options, (made) => {
        const due = schedule(made)
        let before = 0
        for (let request = 0; request < due.requests; request++) {
          const atMs = due.dueMs(request)
          expect(atMs).toBeGreaterThanOrEqual(before)
          const inside = made.segments.some(
            ({ fromS, toS }) => atMs >= fromS * 1_000 - 1e-6 && atMs <= toS * 1_000 + 1e-6,
          )
          expect(inside).toBe(true)
          before = atMs
        }
      }),
      { numRuns: 60 },
    )
  })

  it('counts the requests due before any moment as its own due times say', () => {
    fc.assert(
      fc.property(options, fc.double({ min: -1, max: 31_000, noNaN: true }), (made, ms) => {
        const due = schedule(made)
        const count = due.requestsBefore(ms)
        if (count > 0) expect(due.dueMs(count - 1)).toBeLessThan(ms)
        if (count < due.requests) expect(due.dueMs(count)).toBeGreaterThanOrEqual(ms)
      }),
      { numRuns: 200 },
    )
  })

  it('gives the same due time for a request in whatever order it is asked', () => {
    fc.assert(
      fc.property(options, fc.infiniteStream(fc.nat()), (made, picks) => {
        const due = schedule(made)
        if (due.requests === 0) return
        const walked = Array.from({ length: due.requests }, (_, request) => due.dueMs(request))
        const other = schedule(made)
        for (let k = 0; k < 50; k++) {
          const request = picks.next().value % due.requests
          expect(other.dueMs(request)).toBe(walked[request])
        }
      }),
      { numRuns: 60 },
    )
  })

  it('spaces an even constant rate exactly', () => {
    const due = schedule({
      segments: [constant(500, 12)],
      spacing: 'even',
      seed: 1,
      batchEvents: 1,
      eventCount: Infinity,
    })
    expect(due.requests).toBe(6_000)
    for (let request = 0; request < due.requests; request++) {
      expect(due.dueMs(request)).toBeCloseTo(request * 2, 6)
    }
  })

  it('follows a ramp by its closed form', () => {
    const ramp: Segment = { ...constant(0, 10), fromPerS: 0, toPerS: 1_000 }
    const due = schedule({
      segments: [ramp],
      spacing: 'even',
      seed: 1,
      batchEvents: 1,
      eventCount: Infinity,
    })
    expect(due.requests).toBe(5_000)
    // 50·t² events are due by t.
    for (const request of [1, 50, 1_250, 4_999]) {
      expect(due.dueMs(request)).toBeCloseTo(Math.sqrt(request / 50) * 1_000, 6)
    }
  })

  it('sends batches at the event rate divided by their size', () => {
    const due = schedule({
      segments: [constant(10_000, 3)],
      spacing: 'even',
      seed: 1,
      batchEvents: 100,
      eventCount: Infinity,
    })
    expect(due.requests).toBe(300)
    expect(due.dueMs(1)).toBeCloseTo(10, 9)
    const times = eventTimes(due, { eventEpochMs: 1_000, batchEvents: 100 })
    expect(times(99)).toBe(1_000)
    expect(times(100)).toBeCloseTo(1_010, 9)
  })

  it('ends where the stream ends', () => {
    const due = schedule({
      segments: [constant(1_000, 3)],
      spacing: 'even',
      seed: 1,
      batchEvents: 10,
      eventCount: 95,
    })
    expect(due.requests).toBe(10)
  })

  it('draws Poisson gaps that are exponential and Poisson counts whose variance is their mean', () => {
    const seconds = 400
    const due = schedule({
      segments: [constant(1_000, seconds)],
      spacing: 'poisson',
      seed: 99,
      batchEvents: 1,
      eventCount: Infinity,
    })
    // 400,000 arrivals: the standard error of the mean gap is 0.16 %, of the share of gaps 0.08 points.
    const gaps: number[] = []
    for (let request = 1; request < due.requests; request++) {
      gaps.push(due.dueMs(request) - due.dueMs(request - 1))
    }
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    expect(Math.abs(mean - 1)).toBeLessThan(0.01)
    for (const limit of [0.1, 0.5, 1, 2, 4]) {
      const share = gaps.filter((gap) => gap <= limit).length / gaps.length
      expect(Math.abs(share - (1 - Math.exp(-limit)))).toBeLessThan(0.005)
    }
    const counts = Array.from(
      { length: seconds * 10 },
      (_, k) => due.requestsBefore((k + 1) * 100) - due.requestsBefore(k * 100),
    )
    const variance = counts.reduce((sum, count) => sum + (count - 100) ** 2, 0) / counts.length
    expect(variance / 100).toBeGreaterThan(0.9)
    expect(variance / 100).toBeLessThan(1.1)
  })

  it('draws other arrivals for another seed', () => {
    const made = (seed: number): number[] => {
      const due = schedule({
        segments: [constant(100, 1)],
        spacing: 'poisson',
        seed,
        batchEvents: 1,
        eventCount: Infinity,
      })
      return Array.from({ length: Math.min(20, due.requests) }, (_, request) => due.dueMs(request))
    }
    expect(made(1)).toEqual(made(1))
    expect(made(1)).not.toEqual(made(2))
  })

  it('replays recorded times, faster by the factor, a batch when its last event happened', () => {
    const timesMs = Float64Array.from([5_000, 5_100, 5_400, 6_000, 8_000])
    const due = recordedSchedule({ timesMs, factor: 2, batchEvents: 2, toMs: Infinity })
    expect(due.requests).toBe(3)
    expect([0, 1, 2].map((request) => due.dueMs(request))).toEqual([50, 500, 1_500])
    const cut = recordedSchedule({ timesMs, factor: 2, batchEvents: 2, toMs: 600 })
    expect(cut.requests).toBe(2)
  })

  it('refuses a schedule whose outcomes no disk would hold', () => {
    expect(() =>
      schedule({
        segments: [constant(5_000_000, 86_400)],
        spacing: 'even',
        seed: 1,
        batchEvents: 1,
        eventCount: Infinity,
      }),
    ).toThrow('the schedule holds 432,000,000,000 requests')
  })
})
