import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Awaited, LatenessBins } from '../../src/collect/query-overlap.ts'
import {
  coincidenceInWords,
  coincidenceOf,
  coinRatio,
  queryOverlap,
} from '../../src/collect/query-overlap.ts'

const BIN_MS = 50
const STEP_MS = 2_500
const PER_BIN = 100

type SlowAt = (atMs: number, step: number) => boolean

/** Steps of 2.5 s; in a slow stretch half of the events are slow, and in the last step they are late as well. */
function run(slowAt: SlowAt, steps = 4): readonly LatenessBins[] {
  return Array.from({ length: steps }, (_, step) => {
    const fromMs = step * STEP_MS
    const starts = Array.from({ length: STEP_MS / BIN_MS }, (_bin, bin) => fromMs + bin * BIN_MS)
    const slow = starts.map((atMs) => (slowAt(atMs, step) ? PER_BIN / 2 : 2))
    return {
      fromMs,
      binMs: BIN_MS,
      limitMs: 50,
      dueEvents: starts.map(() => PER_BIN),
      slowEvents: slow,
      lateEvents: step === steps - 1 ? slow.map((events) => (events > 2 ? events : 0)) : [],
    }
  })
}

/** Two queries every two seconds, the second one shorter. */
function asked(seconds: number, untilMs = 10_000): readonly Awaited[] {
  const times = Array.from({ length: Math.floor((untilMs - 500) / 2_000) + 1 }, (_, at) => at)
  return times.flatMap((at) => [
    { name: 'Q1', atMs: 500 + at * 2_000, seconds },
    { name: 'Q4', atMs: 500 + at * 2_000, seconds: 0.01 },
  ])
}

function found(bins: readonly LatenessBins[], queries: readonly Awaited[]) {
  const steps = queryOverlap(bins, queries).map((metrics) => ({ metrics }))
  const last = steps.at(-1)
  if (last === undefined) throw new Error('no steps')
  return coincidenceOf(last, steps)
}

const during: SlowAt = (atMs) => atMs >= 500 && (atMs - 500) % 2_000 < 400

describe('queries beside ingestion', () => {
  it('are proven where events were slow exactly while they ran', () => {
    const coincidence = found(run(during), asked(0.4))
    expect(coincidence).toMatchObject({
      proven: true,
      lateRatio: 1,
      bursts: 5,
      slowerBursts: 5,
      chanceRatio: 1 / 32,
      names: ['Q1'],
    })
    // 400 ms of 2.5 s, and the 50 ms before that could still become late.
    expect(coincidence?.dueRatio).toBeCloseTo(0.18, 2)
    if (coincidence === null) throw new Error('nothing found')
    expect(coincidenceInWords(coincidence)).toBe(
      '100 % of the late events fell due while Q1 ran, of all events 18 %; events were 5 of 5 times slower during queries than in the pause before (by chance 3.13 %)',
    )
  })

  it('are not where events were slow exactly in their pauses', () => {
    const pauses: SlowAt = (atMs) => (atMs + 1_500) % 2_000 > 1_000
    const coincidence = found(run(pauses), asked(0.4))
    expect(coincidence?.proven).toBe(false)
    expect(coincidence?.lateRatio).toBeLessThan(0.1)
    expect(coincidence?.slowerBursts).toBe(0)
  })

  it('are not where the last step was slow throughout', () => {
    const coincidence = found(
      run((_atMs, step) => step === 3),
      asked(0.4),
    )
    expect(coincidence?.proven).toBe(false)
  })

  it('are not where one late stretch happened to meet one of them', () => {
    const once: SlowAt = (atMs, step) => step === 3 && during(atMs, step)
    expect(found(run(once), asked(0.4))).toMatchObject({ proven: false, lateRatio: 1 })
  })

  it('are not by too few bursts, however well they agree', () => {
    expect(found(run(during, 2), asked(0.4, 5_000))).toMatchObject({
      proven: false,
      bursts: 3,
      slowerBursts: 3,
    })
  })

  it('are not where an answer was awaited all the time: there is no pause to compare with', () => {
    const always = [{ name: 'Q1', atMs: 0, seconds: 60 }]
    const coincidence = found(run(during), always)
    expect(coincidence).toMatchObject({ proven: false, dueRatio: 1, bursts: 0 })
    if (coincidence === null) throw new Error('nothing found')
    expect(coincidenceInWords(coincidence)).toContain('no pause between the queries')
  })

  it('say nothing about a step without late events, or a run without queries', () => {
    const calm = run(during).map((bins) => ({ ...bins, lateEvents: [] }))
    expect(found(calm, asked(0.4))).toBeNull()
    expect(queryOverlap(run(during), [])).toEqual([{}, {}, {}, {}])
  })

  it('are not taken for what reads single entities all the time', () => {
    const reads = Array.from({ length: 500 }, (_, at) => ({
      ...{ name: 'entity', atMs: at * 20, seconds: 0.02 },
    }))
    expect(queryOverlap(run(during), [...asked(0.4), ...reads])).toEqual(
      queryOverlap(run(during), asked(0.4)),
    )
  })

  it('are blamed for no more than one in twenty runs that were slow at moments of their own', () => {
    const moments = fc.array(fc.nat(9_999), { minLength: 12, maxLength: 12 })
    const blamed = fc.sample(moments, { numRuns: 400, seed: 7 }).filter((starts) => {
      const slow: SlowAt = (atMs) => starts.some((start) => atMs >= start && atMs < start + 200)
      return found(run(slow), asked(0.4))?.proven === true
    })
    expect(blamed.length).toBeLessThanOrEqual(20)
  })
})

describe('coinRatio', () => {
  it('is the binomial tail', () => {
    expect(coinRatio(0, 0)).toBe(1)
    expect(coinRatio(5, 5)).toBe(1 / 32)
    expect(coinRatio(4, 5)).toBe(6 / 32)
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), (heads, throws) => {
        expect(coinRatio(heads, throws) + coinRatio(throws - heads + 1, throws)).toBeCloseTo(1, 9)
      }),
    )
  })
})
