import { describe, expect, it } from 'vitest'
import { judgeStudy } from '../../src/judge/judge.ts'
import { Trigger } from '../../src/judge/trigger.ts'
import type { Verdict } from '../../src/judge/verdict.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { staircaseStudy } from '../fixtures/staircase.ts'
import type { StaircaseOptions, StaircaseStep } from '../fixtures/staircase.ts'
import { withOutcome } from '../fixtures/study.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const E1 = shippedTriggers().find((trigger) => trigger.id === 'E1')!
const TWO_LEVELS = Trigger.parse({
  ...E1,
  judged: { ...E1.judged, thresholds: { warning: 10_000, critical: 50_000 } },
})

function verdictOf(options: StaircaseOptions, trigger: Trigger = E1): Verdict {
  const { study, runs } = staircaseStudy(options)
  return judgeStudy({ study, runs, triggers: [trigger] }).targets[0]!.judgements[0]!.verdict
}

function climb(...steps: (readonly [number, number | null])[]): readonly StaircaseStep[] {
  return steps.map(([ratePerS, p99Us]) => ({ ratePerS, p99Us }))
}

const HEALTHY = climb([500, 6_000], [1000, 7_000], [2000, 12_000])
const BREAKING = climb([500, 6_000], [1000, 7_000], [2000, 12_000], [4000, null])

function holding(verdict: Verdict): Extract<Verdict, { state: 'holds' }> {
  if (verdict.state !== 'holds') throw new Error(`expected holds, got ${JSON.stringify(verdict)}`)
  return verdict
}

describe('a symptom that grows with the rate', () => {
  it('holds by rate where the crossing was seen: crossing ÷ declared rate', () => {
    const verdict = holding(verdictOf({ rounds: [BREAKING, BREAKING, BREAKING] }))
    expect(verdict).toMatchObject({
      evidence: 'measured',
      value: 6_000,
      headroomOf: 'rate',
      headroomRatio: { low: 5, mid: 5, high: 10 },
      runs: ['round-1', 'round-2', 'round-3'],
    })
    expect(verdict.because).toContain('crossed between 2,000 events/s and 4,000 events/s')
    expect(verdict.firesBetween).toEqual({
      earliest: '2028-01',
      likely: '2028-08',
      latest: '2030-10',
      beyondEvidence: false,
    })
  })

  it('interpolates the crossing where both sides were answered', () => {
    const rounds = [climb([500, 10_000], [1000, 20_000], [2000, 80_000])]
    expect(holding(verdictOf({ rounds })).headroomRatio).toEqual({ low: 2.5, mid: 3.75, high: 5 })
  })

  it('holds by the metric where no crossing was seen, and says how far the evidence reaches', () => {
    const verdict = holding(verdictOf({ rounds: [HEALTHY, HEALTHY] }))
    expect(verdict.headroomOf).toBe('metric')
    expect(verdict.headroomRatio?.mid).toBeCloseTo(50 / 6)
    expect(verdict.because).toContain('no crossing up to 2,000 events/s')
    expect(verdict.firesBetween).toEqual({
      earliest: '2028-01',
      likely: null,
      latest: null,
      beyondEvidence: true,
    })
  })

  it('says so when it holds close to its threshold', () => {
    const verdict = verdictOf({ rounds: [climb([400, 46_000], [800, 49_000])] })
    expect(holding(verdict).because).toContain('close to it')
  })

  it('prints rows, cache, durability tier and provisionality with every figure', () => {
    const { because } = holding(verdictOf({ rounds: [BREAKING] }))
    expect(because).toContain('rows in the store')
    expect(because).toContain('buffer hits 99.7 %')
    expect(because).toContain('survive power-loss (by design, not tested)')
    expect(because).toContain('provisional: shorter than two checkpoints')
  })

  it('fires critical, measured, with the runs that show it', () => {
    const rounds = [climb([400, 60_000]), climb([400, 70_000]), climb([400, 20_000])]
    expect(verdictOf({ rounds })).toMatchObject({
      state: 'fired',
      level: 'critical',
      evidence: 'measured',
      value: 60_000,
      runs: ['round-1', 'round-2', 'round-3'],
    })
  })

  it('fires a warning between two documented levels', () => {
    const verdict = verdictOf({ rounds: [climb([400, 20_000])] }, TWO_LEVELS)
    expect(verdict).toMatchObject({ state: 'fired', level: 'warning', value: 20_000 })
    expect(verdictOf({ rounds: [climb([400, 60_000])] }, TWO_LEVELS)).toMatchObject({
      level: 'critical',
    })
    expect(verdictOf({ rounds: [climb([400, 9_000])] }, TWO_LEVELS).state).toBe('holds')
  })

  it('fires extrapolated where less load than declared already broke it', () => {
    const verdict = verdictOf({ rounds: [BREAKING], profile: { ratePerS: 9_000 } })
    expect(verdict).toMatchObject({ state: 'fired', evidence: 'extrapolated' })
  })

  it('goes by the median round: one bad round of three does not fire it', () => {
    const rounds = [climb([400, 6_000]), climb([400, 900_000]), climb([400, 7_000])]
    expect(verdictOf({ rounds })).toMatchObject({ state: 'holds', value: 7_000 })
  })

  it('holds extrapolated within twice the evidence, and is unknown beyond it', () => {
    const near = verdictOf({ rounds: [HEALTHY], profile: { ratePerS: 3_000 } })
    expect(near).toMatchObject({ state: 'holds', evidence: 'extrapolated', value: 17_000 })
    expect(verdictOf({ rounds: [HEALTHY], profile: { ratePerS: 4_001 } })).toEqual({
      state: 'unknown',
      because:
        '4,000 events/s is beyond evidence: what was measured reaches 2,000 events/s and supports at most twice that',
      command: 'headroom run quick --target pg-direct --rates 4001',
    })
  })

  it('calls a straight line across the broken bracket extrapolated, with headroom that may be below one', () => {
    const rounds = [climb([1000, 20_000], [3000, 80_000])]
    const verdict = holding(verdictOf({ rounds, profile: { ratePerS: 1_500 } }))
    expect(verdict.evidence).toBe('extrapolated')
    expect(verdict.headroomRatio?.low).toBeLessThan(1)
  })

  it('does not guess between the last answered and the first unanswered step', () => {
    const verdict = verdictOf({ rounds: [BREAKING], profile: { ratePerS: 3_000 } })
    expect(verdict).toMatchObject({
      state: 'unknown',
      command: 'headroom run quick --target pg-direct --rates 3000',
    })
  })

  it('does not guess below a lowest step that is already beyond the threshold', () => {
    const verdict = verdictOf({ rounds: [climb([500, null])] })
    expect(verdict.state).toBe('unknown')
    expect(verdict.because).toContain('the lowest measured rate, 500 events/s')
  })

  it('is unknown without a round, without the metric, or with steps shorter than the window', () => {
    expect(verdictOf({ rounds: [] })).toMatchObject({
      state: 'unknown',
      because: 'this target was not run',
    })
    const short = BREAKING.slice(0, 3).map((step) => ({ ...step, lengthS: 1 }))
    expect(verdictOf({ rounds: [short] }).because).toContain('no step of this scenario measured')
    const other = Trigger.parse({
      ...E1,
      judged: { ...E1.judged, metrics: ['pool.waitMs{service}'] },
    })
    expect(verdictOf({ rounds: [BREAKING] }, other).because).toContain('pool.waitMs{service}')
  })

  it('never counts a void, aborted, failed or audit-failed round', () => {
    for (const state of ['void', 'aborted', 'failed', 'audit-failed'] as const) {
      const verdict = verdictOf({
        rounds: [climb([400, 90_000]), climb([400, 6_000])],
        tweak: (run, round) => (round === 1 ? withOutcome(run, state) : run),
      })
      expect(verdict).toMatchObject({ state: 'holds', value: 6_000, runs: ['round-2'] })
      const none = verdictOf({
        rounds: [climb([400, 6_000])],
        tweak: (run) => withOutcome(run, state),
      })
      expect(none.state).toBe('unknown')
      expect(none.because).toMatch(/^no round counts: rounds? 1[, \d]*: /)
    }
  })

  it('does not fire for what driver, pool or machine did, and says whose limit it was', () => {
    for (const by of ['driver', 'pool', 'machine'] as const) {
      const measured = { saturated: { by, evidence: 'idle 0.02 of 2 cores' } }
      const broken = verdictOf({ rounds: [climb([400, null])], measured })
      expect(broken).toMatchObject({
        state: 'unknown',
        because: `at 400 events/s in round 1 the ${by} was the limit, not the architecture (idle 0.02 of 2 cores)`,
      })
      // What was kept below still counts; the crossing was not the architecture's.
      const kept = holding(verdictOf({ rounds: [BREAKING], measured }))
      expect(kept.headroomOf).toBe('metric')
      expect(kept.because).toContain('no crossing up to 2,000 events/s')
      const beyond = verdictOf({ rounds: [BREAKING], measured, profile: { ratePerS: 2_500 } })
      expect(beyond.state).toBe('unknown')
    }
    const service = verdictOf({
      rounds: [climb([400, null])],
      measured: { saturated: { by: 'engine', evidence: 'postgres 0.99 cores' } },
    })
    expect(service.state).toBe('fired')
  })

  it('does not fire for a step during which something else used the machine', () => {
    const contend = (run: RunRecord, round: number): RunRecord =>
      round > 2 || run.outcome.state !== 'completed'
        ? run
        : {
            ...run,
            outcome: {
              ...run.outcome,
              measured: {
                ...run.outcome.measured,
                saturated: null,
                steps: run.outcome.measured.steps.map((step) => ({
                  ...step,
                  metrics: { ...step.metrics, 'machine.foreignCores': 1.04 },
                })),
              },
            },
          }
    const slow = climb([400, 90_000])
    expect(verdictOf({ rounds: [slow, slow], tweak: contend })).toMatchObject({
      state: 'unknown',
      because:
        'at 400 events/s in round 1 something else used the machine (foreign CPU 1.04 cores, steal 0.2 %)',
    })
    expect(verdictOf({ rounds: [slow, slow, slow, slow, slow], tweak: contend }).state).toBe(
      'fired',
    )
    expect(verdictOf({ rounds: [climb([400, 900])], tweak: contend }).state).toBe('holds')
    // What ran unseen on this machine may be that something.
    expect(
      verdictOf({
        rounds: [slow, slow, slow],
        measured: { unseenHere: ['the service'] },
        tweak: contend,
      }).state,
    ).toBe('fired')
  })

  it('reads a step that a signal cut short only if it lasted a window', () => {
    const cut = [
      ...climb([500, 6_000]),
      { ratePerS: 1000, p99Us: 900, complete: false, lengthS: 1 },
    ]
    expect(holding(verdictOf({ rounds: [cut] })).because).toContain(
      'no crossing up to 500 events/s',
    )
  })
})
