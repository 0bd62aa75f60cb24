import { describe, expect, it } from 'vitest'
import { evidenceOf } from '../../src/judge/evidence.ts'
import { limitOf } from '../../src/judge/limit.ts'
import type { Measured, RunRecord, Step } from '../../src/results/record.ts'
import { staircaseStudy } from '../fixtures/staircase.ts'

/** What broke first on a staircase whose last step breaks, with these figures on every step. */
function limit(
  metrics: Step['metrics'],
  { saturated = null, rounds = 1 }: { saturated?: Measured['saturated']; rounds?: number } = {},
) {
  const climb = [
    { ratePerS: 1_000, p99Us: 8_000 },
    { ratePerS: 2_000, p99Us: 90_000 },
  ]
  const { runs } = staircaseStudy({
    rounds: Array.from({ length: rounds }, () => climb),
    measured: { saturated },
    tweak: (run) => withMetrics(run, metrics),
  })
  return limitOf(evidenceOf('pg-direct', runs))
}

function withMetrics(run: RunRecord, metrics: Step['metrics']): RunRecord {
  if (run.outcome.state !== 'completed') throw new Error('not completed')
  const { measured } = run.outcome
  const steps = measured.steps.map((step) => ({ ...step, metrics }))
  return { ...run, outcome: { ...run.outcome, measured: { ...measured, steps } } }
}

const CALM = {
  'cpu.cores{postgres}': 0.8,
  'cpu.cores{service}': 0.4,
  'machine.idleCores': 0.6,
  'machine.iowaitCores': 0.02,
  'waits.sessions{Client:ClientRead}': 9,
  'waits.sessions{LWLock:WALWrite}': 0.3,
}

describe('a limit that is not identified', () => {
  it('says what was ruled out, with the figures', () => {
    const found = limit(CALM)
    expect(found?.by).toBe('unknown')
    expect(found?.evidence).toMatch(
      /no resource was seen at its limit: of \d+ cores postgres 0.8, service 0.4, idle 0.6; the longest queue in an engine was 0.3 sessions \(LWLock:WALWrite\); 0.02 cores waited for the disk; the driver sent within .+ \(p99\), .+ of requests waited for a connection$/,
    )
  })

  it('says how queries and late events met where that proves nothing', () => {
    const found = limit({
      ...CALM,
      ...{ 'query.dueRatio': 0.4, 'query.lateRatio': 0.5, 'query.lateRatio{Q2}': 0.5 },
      ...{ 'query.bursts': 2, 'query.slowerBursts': 1 },
    })
    expect(found?.evidence).toContain(
      '50 % of the late events fell due while Q2 ran, of all events 40 %; events were 2 of 4 times slower during queries than in the pause before (by chance 68.8 %), which proves nothing',
    )
  })

  it('admits that nobody looked at the queries, in records that did not', () => {
    const found = limit({ ...CALM, 'query.seconds{Q3}': 0.5, 'query.seconds{Q1}': 0.2 })
    expect(found?.evidence).toMatch(/whether Q1, Q3 ran whenever events were late is not known$/)
  })

  it('gives way to queries that are proven, and names the store of their own that would help', () => {
    const found = limit(CALM, {
      saturated: { by: 'queries', evidence: 'at 2,000 events/s 90 % of …' },
    })
    expect(found).toMatchObject({ by: 'queries', evidence: expect.stringContaining('90 % of …') })
    expect(found?.moves).toContain('they and ingestion share PostgreSQL')
  })

  it('is told from the bursts of all rounds where one round has too few', () => {
    const late = {
      ...CALM,
      ...{ 'query.dueRatio': 0.2, 'query.lateRatio': 0.9, 'query.lateRatio{Q2}': 0.9 },
      ...{ 'query.bursts': 1, 'query.slowerBursts': 1 },
    }
    expect(limit(late)?.by).toBe('unknown')
    const found = limit(late, { rounds: 3 })
    expect(found?.by).toBe('queries')
    expect(found?.evidence).toContain(
      '90 % of the late events fell due while Q2 ran, of all events 20 %; events were 6 of 6 times slower during queries than in the pause before (by chance 1.56 %), over all rounds',
    )
    const apart = limit({ ...late, 'query.slowerBursts': 0 }, { rounds: 3 })
    expect(apart?.by).toBe('unknown')
  })
})
