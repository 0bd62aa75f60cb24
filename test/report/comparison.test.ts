import { describe, expect, it } from 'vitest'
import type { Findings } from '../../src/judge/findings.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { bestOf } from '../../src/report/sections/best.ts'
import { COLUMNS } from '../../src/report/sections/columns.ts'
import { driverHealth } from '../../src/report/sections/words.ts'
import { viewStudy } from '../../src/report/study-view.ts'
import { findingsFixture } from './report-fixture.ts'

function column(id: string): (typeof COLUMNS)[number] {
  const found = COLUMNS.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no column ${id}`)
  return found
}

function withTarget(
  findings: Findings,
  name: string,
  change: Partial<Findings['targets'][number]>,
): Findings {
  const targets = findings.targets.map((one) => (one.target === name ? { ...one, ...change } : one))
  return { ...findings, targets }
}

describe('the best value of a column', () => {
  const findings = findingsFixture()

  it('is never one that promises less: clickhouse-direct is fastest and has no rival of its tier', () => {
    const best = bestOf(findings, column('sustained'))
    expect([...best.keys()]).toEqual(['pg-batch'])
    expect(best.get('pg-batch')?.words).toMatch(/^best of those that survive power loss/)
  })

  it('is the best of all where all promise the same', () => {
    const same = {
      ...findings,
      targets: findings.targets.map((one) => ({ ...one, durability: 'power-loss' })),
    }
    expect(bestOf(same, column('sustained')).get('clickhouse-direct')?.words).toMatch(
      /^best of all targets/,
    )
  })

  it('is called ranked only where the judge ranks it', () => {
    const unranked = {
      ...findings,
      rankings: findings.rankings.map((one) => ({ ...one, order: null, because: 'no ranking: x' })),
    }
    expect(bestOf(unranked, column('wal')).get('pg-batch')).toEqual({
      kind: 'measured',
      words: 'best of those that survive power loss, measured but not ranked',
    })
  })

  it('is not given to a target whose audit failed, nor to values that read the same', () => {
    const failed = withTarget(findings, 'pg-batch', { auditPassed: false })
    expect([...bestOf(failed, column('sustained')).keys()]).toEqual(['pg-direct'])
    expect([...bestOf(findings, column('ack')).keys()]).toEqual([])
    const equal = withTarget(findings, 'pg-direct', { walBytesPerEvent: 482 })
    expect([...bestOf(equal, column('wal')).keys()]).toEqual([])
  })

  it('is never an endless latency', () => {
    const endless = { p50: 'infinite', p99: 'infinite', p999: 'infinite' } as const
    const targets = findings.targets.map((one) => ({ ...one, latencyUs: endless }))
    expect([...bestOf({ ...findings, targets }, column('p99')).keys()]).toEqual([])
    expect(column('p99').text(targets[0]!)).toBe('∞')
  })
})

describe('the driver’s badge', () => {
  it('warns when its own delay is a notable part of the latency of a kept step', () => {
    const late = findingsFixture({ targets: ['pg-direct'], rounds: 1, tweak: withSendDelay(3_000) })
    const [target] = viewStudy(late, new Map()).targets
    expect(driverHealth(target!)).toMatchObject({ tone: 'warning', words: 'driver late' })
    const punctual = findingsFixture({
      targets: ['pg-direct'],
      rounds: 1,
      tweak: withSendDelay(300),
    })
    const [other] = viewStudy(punctual, new Map()).targets
    expect(driverHealth(other!)).toMatchObject({ tone: 'good', words: 'driver healthy' })
  })
})

function withSendDelay(p99: number): (run: RunRecord) => RunRecord {
  return (run) => {
    if (run.outcome.state !== 'completed') return run
    const steps = run.outcome.measured.steps.map((step) => ({
      ...step,
      sendDelayUs: step.sendDelayUs === null ? null : { ...step.sendDelayUs, p99 },
    }))
    return { ...run, outcome: { ...run.outcome, measured: { ...run.outcome.measured, steps } } }
  }
}
