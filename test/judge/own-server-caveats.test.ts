import { describe, expect, it } from 'vitest'
import { ownServerCaveats } from '../../src/judge/own-server-caveats.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { studyFixture } from '../fixtures/study.ts'

type Engine = RunRecord['engines'][number]

function runs(change: (engine: Engine) => Engine): readonly RunRecord[] {
  const { runs } = studyFixture({ targets: ['pg-direct', 'pg-batch'], rounds: 2 })
  return runs.map((run) => ({ ...run, engines: run.engines.map(change) }))
}

describe('caveats of servers of the user’s own', () => {
  it('are none where everything ran here', () => {
    expect(ownServerCaveats(runs((engine) => engine))).toEqual([])
  })

  it('say once which setting was not in force, and for which targets', () => {
    const settingsNotInForce = [{ name: 'fsync', asked: 'on', inForce: 'off' }]
    const external = { provider: 'external', settingsNotInForce } as const
    expect(ownServerCaveats(runs((engine) => ({ ...engine, ...external })))).toEqual([
      'A setting of your server was not changed: postgres uses fsync = off, the target asks for on (pg-direct, pg-batch).',
    ])
  })

  it('say of a server started here what its build does not know', () => {
    const settingsNotInForce = [{ name: 'wal_compression', asked: 'lz4', inForce: 'off (…)' }]
    expect(ownServerCaveats(runs((engine) => ({ ...engine, settingsNotInForce })))).toEqual([
      'Not in force: postgres uses wal_compression = off (…), the target asks for lz4 (pg-direct, pg-batch).',
    ])
  })

  it('say once what was not seen', () => {
    const unseen = ['its disk', 'full-page images (GRANT …)']
    const caveats = ownServerCaveats(runs((engine) => ({ ...engine, unseen })))
    expect(caveats).toHaveLength(1)
    expect(caveats[0]).toContain('its disk; full-page images (GRANT …).')
  })

  it('name a server that made no checkpoint where another did', () => {
    const refused = ['ledger: role "app" may not run CHECKPOINT']
    const marked = runs((engine) => engine).map((run): RunRecord => {
      if (run.outcome.state !== 'completed') return run
      const checkpoints = [{ atMs: 3_000, reason: 'start' as const, refused }]
      const measured = { ...run.outcome.measured, checkpoints }
      return { ...run, outcome: { ...run.outcome, measured } }
    })
    expect(ownServerCaveats(marked)[0]).toBe(
      'A CHECKPOINT marked in the runs of pg-direct was not made by all of its servers: ledger: role "app" may not run CHECKPOINT.',
    )
  })
})
