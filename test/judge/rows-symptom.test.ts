import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { Verdict } from '../../src/judge/verdict.ts'
import { SECONDS_PER_DAY } from '../../src/plan/formulas.ts'
import type { Measured, RunRecord } from '../../src/results/record.ts'
import { staircaseStudy } from '../fixtures/staircase.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const E3 = shippedTriggers().find((trigger) => trigger.id === 'E3')!
const STEPS = [{ ratePerS: 400, p99Us: 6_000 }]

interface Asked {
  readonly seconds: number | 'infinite'
  readonly rows: number
  /** Rows the profile would hold: declared rate × retention. */
  readonly needed: number
  readonly rounds?: number
  readonly name?: string
  readonly failed?: number
  readonly foreignCores?: number
}

function verdictOf(asked: Asked): Verdict {
  const { seconds, rows, needed, name = 'Q2' } = asked
  const query = {
    name,
    answered: 9,
    failed: asked.failed ?? 0,
    seconds: {
      samples: 9,
      infinite: 0,
      p50: seconds,
      p90: seconds,
      p99: seconds,
      p999: seconds,
      max: seconds,
      histogram: null,
    },
    rowsRead: rows,
    bytesRead: null,
  }
  const store = { name: 'postgres.events', rows, heapBytes: 1, indexBytes: 1, totalBytes: 2 }
  const measured: Partial<Measured> = { queries: [query], stores: [store] }
  const { study, runs } = staircaseStudy({
    rounds: Array.from({ length: asked.rounds ?? 1 }, () => STEPS.map((step) => ({ ...step }))),
    measured,
    profile: { ratePerS: needed / (SECONDS_PER_DAY * 100), retentionDays: 100 },
    tweak: (run) => withGauges(run, asked.foreignCores ?? 0),
  })
  return judgeStudy({ study, runs, triggers: [E3] }).targets[0]!.judgements[0]!.verdict
}

/** Step gauges of queries would speak besides the run’s own answers. */
function withGauges(run: RunRecord, foreignCores: number): RunRecord {
  if (run.outcome.state !== 'completed') return run
  const steps = run.outcome.measured.steps.map((step) => ({
    ...step,
    metrics: {
      ...Object.fromEntries(
        Object.entries(step.metrics).filter(([key]) => !key.startsWith('query.')),
      ),
      'machine.foreignCores': foreignCores,
    },
  }))
  return { ...run, outcome: { ...run.outcome, measured: { ...run.outcome.measured, steps } } }
}

describe('aggregation queries, judged at the rows the user would hold', () => {
  it('are unknown with too few rows, naming both and the command that would tell', () => {
    expect(verdictOf({ seconds: 0.12, rows: 1e6, needed: 1e9 })).toEqual({
      state: 'unknown',
      because:
        'too few rows: Q2 120 ms over 1 million rows supports at most 2 million rows, and 1 billion rows are held at the declared rate and retention',
      command: 'headroom run quick --target pg-direct --initial-rows 500000000',
    })
  })

  it('hold measured over as many rows as are held', () => {
    expect(verdictOf({ seconds: 2, rows: 1e6, needed: 1e6 })).toMatchObject({
      state: 'holds',
      evidence: 'measured',
      value: 2,
    })
  })

  it('hold extrapolated in proportion to rows, within twice the rows that were measured', () => {
    const verdict = verdictOf({ seconds: 2, rows: 1e6, needed: 2e6 })
    expect(verdict).toMatchObject({ state: 'holds', evidence: 'extrapolated', value: 4 })
    expect(verdictOf({ seconds: 2, rows: 1e6, needed: 2.01e6 }).state).toBe('unknown')
  })

  it('give headroom in rate where the crossing lies within the evidence, else of the metric', () => {
    expect(verdictOf({ seconds: 4, rows: 1e6, needed: 1e6 })).toMatchObject({
      headroomOf: 'rate',
      headroomRatio: { mid: 1.25 },
      firesBetween: { beyondEvidence: false },
    })
    expect(verdictOf({ seconds: 0.5, rows: 1e6, needed: 1e6 })).toMatchObject({
      headroomOf: 'metric',
      headroomRatio: { mid: 10 },
      firesBetween: { likely: null, beyondEvidence: true },
    })
  })

  it('fire measured when even fewer rows than held take too long', () => {
    expect(verdictOf({ seconds: 6, rows: 1e6, needed: 1e9 })).toMatchObject({
      state: 'fired',
      level: 'critical',
      evidence: 'measured',
      value: 6,
      runs: ['round-1'],
    })
  })

  it('fire extrapolated when the crossing lies within twice the rows and the user holds more', () => {
    expect(verdictOf({ seconds: 3, rows: 1e6, needed: 1e9 })).toMatchObject({
      state: 'fired',
      evidence: 'extrapolated',
    })
  })

  it('do not fire for rows the user will never hold', () => {
    expect(verdictOf({ seconds: 6, rows: 2e6, needed: 1.2e6 })).toMatchObject({
      state: 'holds',
      evidence: 'extrapolated',
      value: expect.closeTo(3.6) as number,
    })
    expect(verdictOf({ seconds: 6, rows: 5e6, needed: 1e6 })).toMatchObject({
      state: 'unknown',
      because: expect.stringContaining('beyond evidence') as string,
    })
  })

  it('count answers that never came as endless', () => {
    expect(verdictOf({ seconds: 0.1, failed: 10, rows: 1e6, needed: 1e6 }).state).toBe('fired')
    expect(verdictOf({ seconds: 'infinite', rows: 1e6, needed: 1e6 }).state).toBe('fired')
  })

  it('do not fire for answers that were slow while something else used the machine', () => {
    const verdict = verdictOf({ seconds: 9, rows: 1e6, needed: 1e6, foreignCores: 1.2 })
    expect(verdict.because).toContain(
      'while something else used the machine (foreign CPU 1.2 cores',
    )
    expect(verdict.state).toBe('unknown')
  })

  it('are unknown where the scenario asked no aggregation: Q4 is a lookup', () => {
    const verdict = verdictOf({ seconds: 9, rows: 1e6, needed: 1e6, name: 'Q4' })
    expect(verdict.because).toContain('asked none of')
  })

  it('never ask for more preloaded rows than a scenario takes', () => {
    const verdict = verdictOf({ seconds: 0.1, rows: 1e6, needed: 1e13 })
    expect(verdict.because).toContain('a scenario preloads enough to judge 4 billion rows at most')
    expect(verdict).toMatchObject({
      command: 'headroom run quick --target pg-direct --initial-rows 2000000000',
    })
  })

  it('never hold with more rows where they fired with fewer', () => {
    const rows = fc.double({ min: 1e3, max: 1e9, noNaN: true })
    const factor = fc.double({ min: 1, max: 100, noNaN: true })
    const seconds = fc.double({ min: 0.01, max: 20, noNaN: true })
    fc.assert(
      fc.property(seconds, rows, rows, factor, (s, measuredRows, needed, more) => {
        const at = (held: number): Verdict =>
          verdictOf({ seconds: s, rows: Math.round(measuredRows), needed: held })
        if (at(needed).state === 'fired') expect(at(needed * more).state).not.toBe('holds')
      }),
      { numRuns: 60 },
    )
  })
})
