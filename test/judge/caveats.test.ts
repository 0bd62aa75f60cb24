import { describe, expect, it } from 'vitest'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { Measured, RunRecord, Step } from '../../src/results/record.ts'
import { studyFixture, withTotalWal } from '../fixtures/study.ts'
import type { StudyFixtureOptions } from '../fixtures/study.ts'

const BASE: StudyFixtureOptions = { targets: ['pg-direct', 'pg-batch'], rounds: 3 }

function caveats(options: StudyFixtureOptions = {}): string {
  return judgeStudy({ ...studyFixture({ ...BASE, ...options }), triggers: [] }).caveats.join('\n')
}

function withMeasured(run: RunRecord, change: (measured: Measured) => Measured): RunRecord {
  if (run.outcome.state !== 'completed') return run
  return { ...run, outcome: { ...run.outcome, measured: change(run.outcome.measured) } }
}

function withSteps(run: RunRecord, change: (step: Step) => Step): RunRecord {
  return withMeasured(run, (measured) => ({ ...measured, steps: measured.steps.map(change) }))
}

describe('caveats', () => {
  it('say at which rate targets are compared and that one machine carried everything', () => {
    const text = caveats()
    expect(text).toContain('compared at 4,000 events/s, the highest step that every target kept')
    expect(text).toContain('shared 2 cores')
    expect(text).not.toContain('Contended')
    expect(text).not.toContain('No ranking')
    expect(text).not.toContain('cut short')
    expect(text).not.toContain('clickhouse-local')
    expect(text).not.toContain('fsync')
  })

  it('say that containers share the cores of this machine, and that servers elsewhere do not', () => {
    const provided = (provider: RunRecord['engines'][number]['provider']) =>
      caveats({
        tweak: (run) => ({ ...run, engines: run.engines.map((one) => ({ ...one, provider })) }),
      })
    expect(provided('compose')).toContain('Driver, service and engines shared 2 cores')
    expect(provided('external')).not.toContain('shared 2 cores')
  })

  it('call p99 provisional below two checkpoints, and not from two on', () => {
    expect(caveats()).toContain('provisional: a run was shorter than two checkpoints')
    const long = caveats({
      tweak: (run) =>
        withMeasured(run, (measured) => ({
          ...measured,
          checkpoints: [...measured.checkpoints, { atMs: 9_000, reason: 'engine' }],
        })),
    })
    expect(long).not.toContain('two checkpoints')
  })

  it('know freshness to within a whole round where old partitions are looked at in turn', () => {
    const of = (freshnessRoundPolls?: Record<string, number>) =>
      caveats({
        tweak: (run) =>
          withMeasured(run, (measured) => ({
            ...measured,
            freshnessResolutionMs: { 'postgres.events': 150, 'postgres.other': 400 },
            ...(freshnessRoundPolls === undefined ? {} : { freshnessRoundPolls }),
          })),
      })
    expect(of()).toContain('known to within 400 ms, the largest gap between two polls.')
    const text = of({ 'postgres.events': 46 })
    expect(text).toContain(
      'known to within 6.9 s: the largest gap between two polls, 150 ms, times the 46 polls',
    )
    expect(text).toContain('waited for its turn unless rows had just been seen where it lies')
    expect(of({ 'postgres.events': 2 })).toContain('known to within 400 ms,')
  })

  it('say that a short step is not sustained, and how many rows there were', () => {
    expect(caveats()).toContain(
      'A step lasted 5 s: a rate held that long is not yet sustained (60 s)',
    )
    expect(caveats({ stepS: 60 })).not.toContain('not yet sustained')
    expect(caveats()).toContain('held 200,000 rows before the first event')
    expect(caveats({ initialRows: 0 })).toContain('was empty before the first event')
  })

  it('warn where durable writes look free, and label an emulated disk', () => {
    const cheap = caveats({
      tweak: (run) => ({ ...run, machine: { ...run.machine, fsyncP50Us: 30 } }),
    })
    expect(cheap).toContain('An fsync takes 30 µs on this disk, below 0.2 ms')
    const unknown = caveats({
      tweak: (run) => ({ ...run, machine: { ...run.machine, fsyncP50Us: null } }),
    })
    expect(unknown).toContain('fsync latency is not known')
    const contained = caveats({
      tweak: (run) => ({
        ...run,
        machine: { ...run.machine, fsyncP50Us: null },
        engines: run.engines.map((engine) => ({ ...engine, provider: 'compose' })),
      }),
    })
    expect(contained).toContain('The disk of the containers (below Docker’s data root) was not')
    expect(contained).not.toContain('The disk’s fsync latency')
    const emulated = caveats({
      tweak: (run) => ({
        ...run,
        engines: run.engines.map((engine) => ({
          ...engine,
          settings: { ...engine.settings, commit_delay: '1000' },
        })),
      }),
    })
    expect(emulated).toContain('emulated disk delay')
  })

  it('name the round in which something else used the machine', () => {
    const text = caveats({
      tweak: (run) =>
        run.target.name === 'pg-batch' && run.round === 2
          ? withSteps(run, (step) => ({
              ...step,
              metrics: { ...step.metrics, 'machine.foreignCores': 0.8 },
            }))
          : run,
    })
    expect(text).toContain('during pg-batch round 2 (foreign CPU 0.8 cores, steal 0.2 %)')
    const stolen = caveats({
      tweak: (run) =>
        withSteps(run, (step) => ({
          ...step,
          metrics: { ...step.metrics, 'machine.stealRatio': 0.1 },
        })),
    })
    expect(stolen).toContain('steal 10 %')
  })

  it('say that foreign CPU may be the target itself where a part of it ran unseen', () => {
    const text = caveats({
      tweak: (run) =>
        withMeasured(
          withSteps(run, (step) => ({
            ...step,
            metrics: { ...step.metrics, 'machine.foreignCores': 0.8 },
          })),
          (measured) => ({ ...measured, unseenHere: ['the service'] }),
        ),
    })
    expect(text).not.toContain('Contended')
    expect(text).toContain(
      'Foreign CPU under pg-batch (foreign CPU 0.8 cores, steal 0.2 %) may be pg-batch itself: the service ran on this machine unseen, so no step is excused by it.',
    )
  })

  it('name steps that waited for connections as pool-limited', () => {
    const text = caveats({
      tweak: (run) => withSteps(run, (step) => ({ ...step, waitedRatio: 0.02 })),
    })
    expect(text).toContain('Pool-limited')
    expect(text).toContain('pg-direct round 1')
  })

  it('refuse to compare rounds of different machines silently', () => {
    const text = caveats({
      tweak: (run) => ({
        ...run,
        machine: { ...run.machine, fingerprint: run.round === 1 ? 'a' : 'b' },
      }),
    })
    expect(text).toContain('The rounds come from 2 different machines')
  })

  it('name the parts whose CPU was not seen', () => {
    const text = caveats({
      tweak: (run) =>
        run.target.name === 'pg-batch'
          ? withMeasured(run, (measured) => ({ ...measured, unseenCpu: ['service'] }))
          : run,
    })
    expect(text).toContain('pg-batch: CPU of service was not seen')
    expect(text).not.toContain('pg-direct: CPU')
    expect(caveats()).not.toContain('was not seen')
  })

  it('do not call a part unseen that another round saw', () => {
    const text = caveats({
      tweak: (run) =>
        run.round === 1
          ? withMeasured(run, (measured) => ({ ...measured, unseenCpu: ['service'] }))
          : run,
    })
    expect(text).not.toContain('was not seen')
  })

  it('say that WAL per event is the total where full-page images were not told apart', () => {
    const text = caveats({ tweak: withTotalWal })
    expect(text).toContain('pg-direct: WAL per event is the total, full-page images not told apart')
    expect(caveats()).not.toContain('is the total')
  })

  it('say why there is no ranking below three rounds', () => {
    expect(caveats({ rounds: 2 })).toContain(
      'No ranking: pg-direct has 2, pg-batch has 2 of the 3 rounds a ranking needs.',
    )
  })

  it('say so when no rate was kept by all', () => {
    const text = caveats({ ratesPerS: [6_000, 8_000] })
    expect(text).toContain('No rate was kept by every target in every round')
  })

  it('label clickhouse-local and different durability', () => {
    const text = caveats({ targets: ['pg-direct', 'clickhouse-direct'] })
    expect(text).toContain('ClickHouse ran as clickhouse-local')
    expect(text).toContain('pg-direct: power-loss; clickhouse-direct: process-kill')
  })

  it('call p99.9 an indication below 10,000 samples', () => {
    expect(caveats({ ratesPerS: [500] })).toContain('p99.9 of pg-direct, pg-batch rests on fewer')
    expect(caveats()).not.toContain('rests on fewer')
  })
})
