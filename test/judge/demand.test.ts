import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeBand, judgeDemand } from '../../src/judge/demand.ts'
import type { BandRule, DemandRule } from '../../src/judge/trigger.ts'
import type { Verdict } from '../../src/judge/verdict.ts'
import type { Profile } from '../../src/plan/profile.ts'
import type { StudyRecord } from '../../src/results/record.ts'
import { staircaseStudy } from '../fixtures/staircase.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const { study } = staircaseStudy({ rounds: [] })

function withProfile(profile: Partial<Profile>): StudyRecord {
  return { ...study, profile: { ...study.profile, ...profile } }
}

function demand(id: string): DemandRule {
  const judged = shippedTriggers().find((trigger) => trigger.id === id)?.judged
  if (judged?.kind !== 'demand') throw new Error(`${id} is no demand`)
  return judged
}

function phases(): BandRule {
  const judged = shippedTriggers().find((trigger) => trigger.id === 'E6')?.judged
  if (judged?.kind !== 'band') throw new Error('E6 is no band')
  return judged
}

describe('a demand', () => {
  it('fires from the declared rate alone, without naming a run', () => {
    expect(judgeDemand(withProfile({ ratePerS: 9_000 }), demand('E2'))).toEqual({
      state: 'fired',
      level: 'critical',
      evidence: 'declared',
      value: 9_000,
      because: 'the profile declares 9,000 events/s; the documented level is 8,000 events/s',
      runs: [],
    })
  })

  it('holds up to and including the documented level, with the ratio and the months', () => {
    expect(judgeDemand(withProfile({ ratePerS: 8_000 }), demand('E2')).state).toBe('holds')
    const growthPerMonthRatio = { low: 0.05, mid: 0.08, high: 0.12 }
    const verdict = judgeDemand(withProfile({ ratePerS: 4_000, growthPerMonthRatio }), demand('E2'))
    expect(verdict).toMatchObject({
      state: 'holds',
      evidence: 'declared',
      headroomOf: 'rate',
      headroomRatio: { low: 2, mid: 2, high: 2 },
      firesBetween: {
        earliest: '2027-05',
        likely: '2027-08',
        latest: '2028-01',
        beyondEvidence: false,
      },
    })
  })

  it('fires on 500 million rows a month at 193/s, long before 8,000/s', () => {
    expect(judgeDemand(withProfile({ ratePerS: 194 }), demand('E4')).state).toBe('fired')
    expect(judgeDemand(withProfile({ ratePerS: 192 }), demand('E4')).state).toBe('holds')
    expect(judgeDemand(withProfile({ ratePerS: 194 }), demand('E2')).state).toBe('holds')
  })

  it('fires on any declared replay and has no ratio or month where there is none', () => {
    const needs = { ...study.profile.needs, replayDays: 7 }
    expect(judgeDemand(withProfile({ needs }), demand('E5'))).toMatchObject({
      state: 'fired',
      because: 'the profile declares replay of 7 days; any fires it',
    })
    expect(judgeDemand(study, demand('E5'))).toMatchObject({
      state: 'holds',
      headroomRatio: null,
      because: 'the profile declares no such need',
      firesBetween: { earliest: null, likely: null, latest: null },
    })
  })

  it('knows consumers, regions and two documented levels', () => {
    const rule = (
      quantity: DemandRule['quantity'],
      warning: number,
      critical: number,
    ): DemandRule => ({
      kind: 'demand',
      quantity,
      thresholds: { warning, critical },
      sustainedS: 0,
      hysteresisRatio: 0,
    })
    const needs = { ...study.profile.needs, consumers: 8, regions: 2 }
    const asked = withProfile({ needs })
    expect(judgeDemand(asked, rule('consumers', 5, 10))).toMatchObject({
      level: 'warning',
      value: 8,
    })
    expect(judgeDemand(asked, rule('consumers', 2, 5))).toMatchObject({ level: 'critical' })
    expect(judgeDemand(asked, rule('regions', 2, 3))).toMatchObject({
      state: 'holds',
      headroomOf: 'metric',
    })
  })
})

describe('the phase of the declared rate', () => {
  const at = (ratePerS: number): Verdict => judgeBand(withProfile({ ratePerS }), phases())

  it('holds in phase 1, with its upper end as headroom', () => {
    expect(at(2_500)).toMatchObject({
      state: 'holds',
      headroomRatio: { mid: 2 },
      headroomOf: 'rate',
    })
    expect(at(5_000).state).toBe('holds')
  })

  it('warns in phase 2 and is critical in phase 3 and beyond', () => {
    expect(at(5_001)).toMatchObject({ state: 'fired', level: 'warning', evidence: 'declared' })
    expect(at(20_001)).toMatchObject({ state: 'fired', level: 'critical' })
    expect(at(100_001)).toMatchObject({
      state: 'fired',
      level: 'critical',
      because: '100,000 events/s is beyond every documented phase',
    })
  })

  it('never goes back to an earlier phase at a higher rate', () => {
    const severity = (verdict: Verdict): number =>
      verdict.state !== 'fired' ? 0 : verdict.level === 'warning' ? 1 : 2
    const rate = fc.integer({ min: 1, max: 200_000 })
    fc.assert(
      fc.property(rate, rate, (a, b) => {
        expect(severity(at(Math.max(a, b)))).toBeGreaterThanOrEqual(severity(at(Math.min(a, b))))
      }),
    )
  })
})
