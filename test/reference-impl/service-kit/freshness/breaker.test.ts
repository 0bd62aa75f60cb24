import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterSample,
  CLOSED,
  type Breaker,
  type BreakerRules,
  type LagSample,
} from '../../../../reference-impl/service-kit/freshness/breaker.ts'

const RULES: BreakerRules = {
  sloMs: 50,
  badSamples: 5,
  windowSamples: 10,
  goodSamples: 5,
  openMs: 500,
  openMaxMs: 10_000,
  jitterRatio: 0.2,
}

const rulesDrawn: fc.Arbitrary<BreakerRules> = fc
  .record({
    badSamples: fc.integer({ min: 1, max: 8 }),
    moreSamples: fc.integer({ min: 0, max: 8 }),
    goodSamples: fc.integer({ min: 1, max: 6 }),
    openMs: fc.integer({ min: 20, max: 1_000 }),
    openMaxRatio: fc.integer({ min: 1, max: 20 }),
    jitterRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ moreSamples, openMaxRatio, ...drawn }) => ({
    ...drawn,
    sloMs: 50,
    windowSamples: drawn.badSamples + moreSamples,
    openMaxMs: drawn.openMs * openMaxRatio,
  }))

interface Step {
  readonly gapMs: number
  readonly lagMs: number | null
  readonly chance: number
}

const stepsDrawn = fc.array(
  fc.record({
    gapMs: fc.integer({ min: 1, max: 200 }),
    // Around the SLO, far from it, and no answer at all.
    lagMs: fc.oneof(
      fc.integer({ min: 0, max: 100 }),
      fc.constantFrom(0, 50, 51, 1_000_000),
      fc.constant(null),
    ),
    chance: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  }),
  { maxLength: 400 },
)

interface Moment {
  readonly atMs: number
  readonly before: Breaker
  readonly after: Breaker
  readonly bad: boolean
}

/** Every sample with the states around it. */
function play(steps: readonly Step[], rules: BreakerRules): readonly Moment[] {
  let breaker = CLOSED
  let atMs = 0
  return steps.map(({ gapMs, lagMs, chance }) => {
    atMs += gapMs
    const before = breaker
    breaker = afterSample(before, { atMs, lagMs, chance }, rules)
    return { atMs, before, after: breaker, bad: lagMs === null || lagMs > rules.sloMs }
  })
}

const openings = (moments: readonly Moment[]) =>
  moments.filter(({ before, after }) => after.state === 'open' && before.state !== 'open')
const changes = (moments: readonly Moment[]) =>
  moments.filter(({ before, after }) => before.state !== after.state)

function after(breaker: Breaker, sample: LagSample, times: number, rules: BreakerRules): Breaker {
  let state = breaker
  for (let index = 0; index < times; index++) {
    state = afterSample(state, { ...sample, atMs: sample.atMs + index }, rules)
  }
  return state
}

describe('the breaker, under any series of lags', () => {
  it('does not flap: two openings are at least its open time apart, so changes are bounded', () => {
    fc.assert(
      fc.property(stepsDrawn, rulesDrawn, (steps, rules) => {
        const moments = play(steps, rules)
        const at = openings(moments).map(({ atMs }) => atMs)
        for (let index = 1; index < at.length; index++) {
          expect(at[index]! - at[index - 1]!).toBeGreaterThanOrEqual(rules.openMs)
        }
        const lengthMs = moments.at(-1)?.atMs ?? 0
        expect(changes(moments).length).toBeLessThanOrEqual(3 * (lengthMs / rules.openMs + 1))
      }),
      { numRuns: 500 },
    )
  })

  it('opens only with enough bad samples in its window, and then at once', () => {
    fc.assert(
      fc.property(stepsDrawn, rulesDrawn, (steps, rules) => {
        let sinceClosed: boolean[] = []
        for (const { before, after, bad } of play(steps, rules)) {
          if (before.state !== 'closed') {
            sinceClosed = []
            continue
          }
          sinceClosed.push(bad)
          const badNow = sinceClosed.slice(-rules.windowSamples).filter(Boolean).length
          expect(after.state).toBe(badNow >= rules.badSamples ? 'open' : 'closed')
        }
      }),
      { numRuns: 500 },
    )
  })

  it('does not stick open: whatever came before, good samples close it within its longest time', () => {
    fc.assert(
      fc.property(stepsDrawn, rulesDrawn, (steps, rules) => {
        const last = play(steps, rules).at(-1)
        let breaker = last?.after ?? CLOSED
        const untilMs = (last?.atMs ?? 0) + rules.openMaxMs * (1 + rules.jitterRatio)
        let atMs = last?.atMs ?? 0
        let good = 0
        while (good < rules.goodSamples) {
          atMs += 10
          breaker = afterSample(breaker, { atMs, lagMs: rules.sloMs, chance: 0 }, rules)
          if (atMs >= untilMs) good++
        }
        expect(breaker.state).toBe('closed')
      }),
      { numRuns: 500 },
    )
  })

  it('does not stick closed: whatever came before, bad samples open it, and it stays open', () => {
    fc.assert(
      fc.property(stepsDrawn, rulesDrawn, (steps, rules) => {
        const last = play(steps, rules).at(-1)
        let breaker = last?.after ?? CLOSED
        let atMs = last?.atMs ?? 0
        for (let index = 0; index < 2_000; index++) {
          atMs += 10
          breaker = afterSample(breaker, { atMs, lagMs: null, chance: 0.5 }, rules)
          if (index + 1 >= rules.badSamples) expect(breaker.state).toBe('open')
        }
      }),
      { numRuns: 100 },
    )
  })

  it('stays open for no longer than its longest time and the jitter', () => {
    fc.assert(
      fc.property(stepsDrawn, rulesDrawn, (steps, rules) => {
        for (const { atMs, before, after } of play(steps, rules)) {
          if (after.state !== 'open' || after === before) continue
          expect(after.openMs).toBeGreaterThanOrEqual(rules.openMs)
          expect(after.untilMs - atMs).toBeLessThanOrEqual(
            rules.openMaxMs * (1 + rules.jitterRatio) + 1e-6,
          )
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('the breaker', () => {
  it('holds back longer each time where the lag swings to and fro', () => {
    const swinging = Array.from({ length: 6_000 }, (_, index) => ({
      gapMs: 10,
      lagMs: Math.floor(index / 10) % 2 === 0 ? 200 : 1,
      chance: 0,
    }))
    // 300 swings in a minute; without growing open times it would follow 60 s / 0.6 s of them.
    const count = openings(play(swinging, RULES)).length
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThan(30)
  })

  it('begins anew with its shortest time after a good spell', () => {
    const bad = { atMs: 1_000, lagMs: 900, chance: 0 }
    const open = after(CLOSED, bad, 5, RULES)
    expect(open).toMatchObject({ state: 'open', openMs: 500 })
    const closed = after(open, { atMs: 2_000, lagMs: 1, chance: 0 }, 5, RULES)
    expect(closed).toMatchObject({ state: 'closed' })
    expect(after(closed, { ...bad, atMs: 2_100 }, 5, RULES)).toMatchObject({ openMs: 1_000 })
    expect(after(closed, { ...bad, atMs: 9_000 }, 5, RULES)).toMatchObject({ openMs: 500 })
  })

  it('is half-open between its first good sample and the last it wants', () => {
    const open = after(CLOSED, { atMs: 0, lagMs: null, chance: 0.5 }, 5, RULES)
    if (open.state !== 'open') throw new Error('five bad samples open it')
    expect(open.untilMs).toBeCloseTo(4 + 550)
    const good = { atMs: open.untilMs, lagMs: 50, chance: 0 }
    expect(after(open, { ...good, atMs: open.untilMs - 1 }, 1, RULES)).toBe(open)
    const halfOpen = after(open, good, 4, RULES)
    expect(halfOpen).toMatchObject({ state: 'half-open', good: 4 })
    const again = after(halfOpen, { ...good, lagMs: 51 }, 1, RULES)
    expect(again).toMatchObject({ state: 'open', openMs: 1_000 })
  })
})
