import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { Verdict } from '../../src/judge/verdict.ts'
import { staircaseStudy } from '../fixtures/staircase.ts'
import type { StaircaseOptions, StaircaseStep } from '../fixtures/staircase.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const E1 = shippedTriggers().find((trigger) => trigger.id === 'E1')!
function verdictOf(options: StaircaseOptions): Verdict {
  const { study, runs } = staircaseStudy(options)
  return judgeStudy({ study, runs, triggers: [E1] }).targets[0]!.judgements[0]!.verdict
}

function climb(...steps: (readonly [number, number | null])[]): readonly StaircaseStep[] {
  return steps.map(([ratePerS, p99Us]) => ({ ratePerS, p99Us }))
}

const BREAKING = climb([500, 6_000], [1000, 7_000], [2000, 12_000], [4000, null])

function holding(verdict: Verdict): Extract<Verdict, { state: 'holds' }> {
  if (verdict.state !== 'holds') throw new Error(`expected holds, got ${JSON.stringify(verdict)}`)
  return verdict
}

const staircase = fc
  .uniqueArray(fc.integer({ min: 50, max: 20_000 }), { minLength: 1, maxLength: 6 })
  .chain((rates) =>
    fc
      .array(fc.integer({ min: 500, max: 200_000 }), {
        minLength: rates.length,
        maxLength: rates.length,
      })
      .map((values) =>
        rates.toSorted((a, b) => a - b).map((ratePerS, i) => ({ ratePerS, p99Us: values[i]! })),
      ),
  )
const rate = fc.integer({ min: 20, max: 40_000 })

describe('laws of a rate symptom', () => {
  it('gives no more headroom to a higher declared rate', () => {
    fc.assert(
      fc.property(
        fc.array(staircase, { minLength: 1, maxLength: 3 }),
        rate,
        fc.double({ min: 1, max: 3, noNaN: true }),
        (rounds, declared, factor) => {
          const at = (ratePerS: number): Verdict => verdictOf({ rounds, profile: { ratePerS } })
          const less = at(declared)
          const more = at(declared * factor)
          if (less.state !== 'holds' || more.state !== 'holds') return
          if (less.headroomOf !== more.headroomOf) return
          expect(more.headroomRatio!.mid).toBeLessThanOrEqual(less.headroomRatio!.mid * (1 + 1e-9))
          expect(more.headroomRatio!.high).toBeLessThanOrEqual(
            less.headroomRatio!.high * (1 + 1e-9),
          )
        },
      ),
      { numRuns: 80 },
    )
  })

  it('never un-fires at a higher declared rate', () => {
    fc.assert(
      fc.property(
        fc.array(staircase, { minLength: 1, maxLength: 3 }),
        rate,
        fc.double({ min: 1, max: 3, noNaN: true }),
        (rounds, declared, factor) => {
          if (verdictOf({ rounds, profile: { ratePerS: declared } }).state !== 'fired') return
          expect(verdictOf({ rounds, profile: { ratePerS: declared * factor } }).state).not.toBe(
            'holds',
          )
        },
      ),
      { numRuns: 80 },
    )
  })

  it('is never fired and measured without naming a run', () => {
    fc.assert(
      fc.property(fc.array(staircase, { minLength: 0, maxLength: 3 }), rate, (rounds, ratePerS) => {
        const verdict = verdictOf({ rounds, profile: { ratePerS } })
        if (verdict.state === 'unknown') expect(verdict.command).toMatch(/^headroom run /)
        else if (verdict.state === 'does-not-apply') throw new Error('E1 always applies')
        else expect(verdict.runs.length).toBeGreaterThan(0)
      }),
      { numRuns: 80 },
    )
  })

  it('shows no more headroom for one more round that was worse', () => {
    fc.assert(
      fc.property(fc.array(staircase, { minLength: 1, maxLength: 3 }), rate, (rounds, ratePerS) => {
        const before = verdictOf({ rounds, profile: { ratePerS } })
        const rates = rounds.flatMap((steps) => steps.map((step) => step.ratePerS))
        const worse = [...new Set(rates)]
          .toSorted((a, b) => a - b)
          .map((one) => ({ ratePerS: one, p99Us: 400_000 }))
        const after = verdictOf({ rounds: [...rounds, worse], profile: { ratePerS } })
        if (before.state === 'fired') expect(after.state).not.toBe('holds')
        if (before.state !== 'holds' || after.state !== 'holds') return
        if (before.headroomOf !== after.headroomOf) return
        expect(after.headroomRatio!.high).toBeLessThanOrEqual(before.headroomRatio!.high + 1e-9)
        expect(after.headroomRatio!.low).toBeLessThanOrEqual(before.headroomRatio!.low + 1e-9)
      }),
      { numRuns: 80 },
    )
  })

  it('fires no later under faster growth', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.2, noNaN: true }),
        fc.double({ min: 0.01, max: 0.2, noNaN: true }),
        (a, b) => {
          const at = (growth: number): string =>
            holding(
              verdictOf({
                rounds: [BREAKING],
                profile: { growthPerMonthRatio: { low: growth, mid: growth, high: growth } },
              }),
            ).firesBetween.likely ?? '9999-12'
          expect(at(Math.max(a, b)) <= at(Math.min(a, b))).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })
})
