import { describe, expect, it } from 'vitest'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { Findings } from '../../src/judge/findings.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { studyFixture } from '../fixtures/study.ts'

const OPTIONS = { targets: ['pg-direct', 'clickhouse-direct'], rounds: 3 }
const LABEL = 'clickhouse 26.7.3 (compose, clickhouse/clickhouse-server:26.7)'

/** The same runs as another study on a real server, where `factor` times as many bytes are stored. */
function onRealServer(run: RunRecord, factor = 1): RunRecord {
  if (run.outcome.state !== 'completed') throw new Error('the fixture completes')
  const { measured } = run.outcome
  const stores = measured.stores.map((store) => ({
    ...store,
    totalBytes: Math.round(store.totalBytes * factor),
  }))
  return {
    ...run,
    id: `${run.id}-real`,
    studyId: 'the-other-study',
    engines: run.engines.map((engine) =>
      engine.kind === 'clickhouse'
        ? { ...engine, provider: 'compose', label: LABEL, facts: { server: 'yes' } }
        : engine,
    ),
    outcome: { ...run.outcome, measured: { ...measured, stores } },
  }
}

function judged(others: (run: RunRecord) => readonly RunRecord[]): Findings {
  const { study, runs } = studyFixture(OPTIONS)
  const clickhouse = runs.filter((run) => run.target.name === 'clickhouse-direct')
  return judgeStudy({ study, runs, triggers: [], others: clickhouse.flatMap(others) })
}

const provisional = ({ caveats }: Findings) =>
  caveats.filter((caveat) => caveat.includes('until the same scenario ran on a real server'))

describe('figures of clickhouse-local', () => {
  it('are provisional where no real server ran the same scenario, and the target is named', () => {
    const findings = judged(() => [])
    expect(provisional(findings)).toHaveLength(1)
    expect(provisional(findings)[0]).toContain('clickhouse-local under clickhouse-direct:')
    expect(findings.realServer).toEqual([])
  })

  it('are compared figure by figure once a real server ran it too', () => {
    const findings = judged((run) => [onRealServer(run, 1.5)])
    expect(provisional(findings)).toEqual([])
    const [found] = findings.realServer
    expect(found).toMatchObject({
      target: 'clickhouse-direct',
      label: LABEL,
      studies: ['the-other-study'],
      localRounds: 3,
      realRounds: 3,
      sameMachine: true,
    })
    const ratio = (figure: string) => found?.ratios.find((one) => one.figure === figure)?.ratio
    expect(ratio('store.bytesPerEvent')).toBeCloseTo(1.5, 3)
    expect(ratio('latency.p99Us')).toBe(1)
    expect(ratio('rate.sustainedPerS')).toBe(1)
    expect(findings.caveats.join()).toContain('bytes per event × 1.5')
  })

  it('name what the server’s container may use, beside the ratios', () => {
    const limits = (facts: Record<string, string>) => {
      const findings = judged((run) => [
        {
          ...onRealServer(run),
          engines: onRealServer(run).engines.map((engine) => ({
            ...engine,
            facts: { ...engine.facts, ...facts },
          })),
        },
      ])
      return { limits: findings.realServer[0]?.limits, text: findings.caveats.join() }
    }
    const two = limits({ cpuLimit: '2', memoryLimitBytes: String(2 ** 31) })
    expect(two.limits).toMatch(/^2 cores and 2\b.*B$/)
    expect(two.text).toContain(`, limited to ${two.limits ?? ''}, the same scenario`)
    expect(limits({ cpuLimit: '1' }).limits).toBe('1 core')
    expect(limits({})).toMatchObject({ limits: null })
    expect(limits({}).text).not.toContain('limited to')
  })

  it('are not confirmed by an image that only looks like a server', () => {
    const findings = judged((run) => [
      {
        ...onRealServer(run),
        engines: onRealServer(run).engines.map((engine) => ({
          ...engine,
          label: LABEL,
          facts: { server: 'no' },
        })),
      },
    ])
    expect(findings.realServer).toEqual([])
    expect(provisional(findings)).toHaveLength(1)
  })

  it.each<readonly [string, (run: RunRecord) => RunRecord]>([
    ['other traffic', (run) => ({ ...run, scenario: { ...run.scenario, initialRows: 7 } })],
    [
      'other settings of the service',
      (run) => ({ ...run, architecture: { ...run.architecture, settings: { batch: 1 } } }),
    ],
    [
      'other settings of the engine',
      (run) =>
        run.target.kind === 'architecture'
          ? {
              ...run,
              target: { ...run.target, engines: { warehouse: { settings: { max_threads: 1 } } } },
            }
          : run,
    ],
    [
      'a round that failed',
      (run) => ({ ...run, outcome: { state: 'failed', code: 'X', message: 'x' } }),
    ],
  ])('are not confirmed by %s', (_what, change) => {
    const findings = judged((run) => [change(onRealServer(run))])
    expect(findings.realServer).toEqual([])
  })

  it('are confirmed by a study with another number of rounds, from another machine with a warning', () => {
    const findings = judged((run) => [
      {
        ...onRealServer(run),
        scenario: { ...run.scenario, rounds: 1, description: 'once' },
        machine: { ...run.machine, fingerprint: 'another' },
      },
    ])
    expect(findings.realServer[0]?.sameMachine).toBe(false)
    expect(findings.caveats.join()).toContain('on another machine, so times do not compare')
  })
})
