import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/kit/log.ts'
import { Scenario } from '../../src/scenario/scenario.ts'
import { planRun } from '../../src/study/run-plan.ts'
import { runPlanned } from '../../src/study/run-planned.ts'
import type { StudyRun } from '../../src/study/run-planned.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { runOf } from '../fixtures/run-record.ts'
import { studyFixture, withOutcome } from '../fixtures/study.ts'
import { Target } from '../../src/target/target.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headroom-study-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

// Its certificate authority is missing: the run fails at once, and is recorded.
const nobody = Target.parse({
  kind: 'service',
  name: 'nobody',
  url: 'https://127.0.0.1:1',
  ca: '/does/not/exist.pem',
  audit: { by: 'none' },
})

async function runAt(ratePerS: number, position: number): Promise<StudyRun> {
  const scenario = Scenario.parse({
    name: `rate-${String(ratePerS)}`,
    seed: 1,
    rate: { kind: 'constant', ratePerS },
    phases: { measureS: 1 },
  })
  const target = { ...nobody, name: `nobody-${String(ratePerS)}` }
  const plan = await planRun(scenario, folder, new Date())
  return { target, scenario, plan, round: 1, position }
}

const around = (signal: AbortSignal) => ({
  name: 'grid',
  startedAt: new Date(Date.UTC(2026, 10, 21)),
  external: {},
  engines: 'embedded' as const,
  outDir: folder,
  workDir: join(folder, 'work'),
  command: 'headroom',
  secrets: [],
  onProgress: () => undefined,
  log: silentLog,
  signal,
})

describe('the runs of a study', () => {
  it('may each have a scenario of their own, and one that fails does not end the study', async () => {
    const planned = [await runAt(10, 1), await runAt(20, 2)]
    const { runs, told } = await runPlanned(planned, around(new AbortController().signal))
    expect(runs.map(({ outcome }) => outcome.state)).toEqual(['failed', 'failed'])
    expect(runs.map(({ scenario }) => scenario.name)).toEqual(['rate-10', 'rate-20'])
    expect(told.runs).toEqual(['01-nobody-10-round-1', '02-nobody-20-round-1'])
    expect(told.id).toBe('2026-11-21T00-00-00-grid')
    expect(told.cutShort).toBeNull()
  })

  it('end after the one in which the user stops them, and say where', async () => {
    const planned = [await runAt(10, 1), await runAt(20, 2)]
    const signal = AbortSignal.abort(new Error('Ctrl-C'))
    const { runs, told } = await runPlanned(planned, around(signal))
    expect(runs).toHaveLength(1)
    expect(told.cutShort).toBe('interrupted in round 1 at nobody-10 (Ctrl-C)')
  })

  it('are gone on with: what was void is made again, unless that was done, or its file can be sent once only', async () => {
    const planned = [await runAt(10, 1), await runAt(20, 2)]
    const options = around(new AbortController().signal)
    const first = await runPlanned(planned, options)
    const voided = first.runs.map((run, at) => (at === 0 ? voidOf(run) : run))
    const folders = first.told.runs
    const done = new Map(voided.map((run, at) => [folders[at] ?? '', run]))
    const earlier = { studyDir: first.studyDir, done }
    const second = await runPlanned(planned, { ...options, earlier })
    expect(second.told.runs).toEqual([...folders, '03-nobody-10-round-1'])
    expect(second.told.estimatedS).toBeGreaterThan(0)
    expect(second.runs.map(({ repeats }) => repeats)).toEqual([undefined, undefined, voided[0]?.id])

    done.set('03-nobody-10-round-1', second.runs[2]!)
    const third = await runPlanned(planned, { ...options, earlier })
    expect(third.runs.map(({ startedAt }) => startedAt)).toEqual(
      second.runs.map(({ startedAt }) => startedAt),
    )

    const notes: string[] = []
    const [run] = planned
    const streamSpec = {
      ...run!.plan.streamSpec,
      source: 'recorded',
    } as StudyRun['plan']['streamSpec']
    const once = await runPlanned([{ ...run!, plan: { ...run!.plan, streamSpec } }], {
      ...options,
      earlier,
      onProgress: (event) => {
        if (event.type === 'note') notes.push(event.text)
      },
    })
    expect(once.told.runs).toEqual([folders[0]])
    expect(notes.join(' ')).toMatch(/was void and is not made again: your store holds/)
  })
})

function voidOf(run: RunRecord): RunRecord {
  const { outcome } = runOf({
    ...{ name: 'pg-direct', round: 1, scenario: studyFixture().study.scenario },
    ...{ studyId: run.studyId, order: 0, spreadRatio: 0 },
  })
  return { ...run, outcome: withOutcome({ ...run, outcome }, 'void').outcome }
}
