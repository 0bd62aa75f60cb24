import { describe, expect, it } from 'vitest'
import { loadProfile } from '../../src/cli/load-profile.ts'
import { loadTriggers } from '../../src/cli/load-triggers.ts'
import { runExitCode } from '../../src/cli/run-exit-code.ts'
import { summaryLines } from '../../src/cli/summary.ts'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { StoreAudit } from '../../src/results/audit-record.ts'
import type { Outcome, RunRecord } from '../../src/results/record.ts'
import { DATA_KINDS, dataFiles, nameOf } from '../../src/kit/data-file.ts'
import { loadTarget } from '../../src/target/load.ts'
import { studyFixture, withOutcome, withTotalWal } from '../fixtures/study.ts'

const paint = (_: unknown, text: string): string => text
const summary = (columns: number, options = {}) => {
  const { study, runs } = studyFixture(options)
  return summaryLines(judgeStudy({ study, runs, triggers: loadTriggers() }), { columns, paint })
}

describe('the summary', () => {
  it('has one aligned row per target, its sentence, and the verdict', () => {
    const lines = summary(200)
    const head = lines.findIndex((line) => line.startsWith('target '))
    const rows = lines.slice(head + 1, head + 5)
    expect(rows.map((row) => row.split(' ')[0])).toEqual([
      'pg-direct',
      'pg-batch',
      'dual-write',
      'clickhouse-direct',
    ])
    expect(new Set([lines[head]!.indexOf('2xx survives')])).toEqual(
      new Set(rows.map((row) => row.search(/power-loss|process-kill/))),
    )
    expect(lines.filter((line) => line.startsWith('verdict ')).length).toBe(1)
    expect(lines.filter((line) => line.startsWith('triggers ')).length).toBe(1)
  })

  it('becomes one block per target where the table does not fit', () => {
    const lines = summary(60)
    expect(lines.filter((line) => line.startsWith('2xx survives')).length).toBe(4)
    expect(lines.some((line) => line.includes('events/s') && line.includes('fresh p99'))).toBe(
      false,
    )
  })

  it('says why there is no ranking once, not once per figure', () => {
    const lines = summary(200, { rounds: 1 }).filter((line) => line.startsWith('ranking'))
    expect(lines.length).toBeLessThanOrEqual(2)
  })

  it('shows no figures and no audit of a target without a round that counts', () => {
    const tweak = (run: Parameters<typeof withOutcome>[0]) =>
      run.target.name === 'pg-direct' ? withOutcome(run, 'failed') : run
    const row = summary(200, { tweak }).find((line) => line.startsWith('pg-direct '))
    expect(row).not.toMatch(/whole|FAILED|\d/)
  })
})

describe('the summary’s word about the audit', () => {
  const cellsOf = (tweak: (run: RunRecord) => RunRecord): string => {
    const lines = summary(240, {
      tweak: (run: RunRecord) => (run.target.name === 'pg-direct' ? tweak(run) : run),
    })
    return lines.find((line) => line.startsWith('pg-direct ')) ?? ''
  }
  const withStore = (change: Partial<StoreAudit>) => (run: RunRecord) => {
    if (run.outcome.state !== 'completed') return run
    const { audit } = run.outcome
    const stores = audit.stores.map((store) => ({ ...store, ...change }))
    return { ...run, outcome: { ...run.outcome, audit: { ...audit, stores } } }
  }

  it('is how many were lost and that it is broken, also where no round counts', () => {
    expect(cellsOf((run) => withOutcome(run, 'audit-failed'))).toMatch(/ 6 {2}broken$/)
  })

  it('is what was lost where the promise allows it', () => {
    expect(cellsOf(withStore({ lostEvents: 3, verdict: 'as-promised' }))).toMatch(
      / 9 {2}as promised, 9 lost$/,
    )
  })

  it('is what was stored again where the promise allows it', () => {
    expect(cellsOf(withStore({ duplicatedRows: 1, verdict: 'as-promised' }))).toMatch(
      / 0 {2}as promised, 3 stored again$/,
    )
  })

  it('is how many were asked for where it asked for some', () => {
    const asked = withStore({ by: 'reads', askedEvents: 2, acceptedEvents: 20 })
    expect(cellsOf(asked)).toMatch(/ 0 {2}6 of 60 asked$/)
  })

  it('is nothing, and null in JSON, of a target that never came to an audit', () => {
    const row = cellsOf((run) => withOutcome(run, 'failed'))
    expect(row).toMatch(/ – {2,}–$/)
    const { study, runs } = studyFixture({ tweak: (run) => withOutcome(run, 'failed') })
    const [target] = judgeStudy({ study, runs, triggers: loadTriggers() }).targets
    expect(target).toMatchObject({ lostEvents: null, duplicatedRows: null, divergedEvents: null })
  })

  it('is the total WAL per event where images were not told apart', () => {
    expect(cellsOf(withTotalWal)).toMatch(/ 741 total /)
  })
})

describe('the exit code of a study', () => {
  const codeOf = (states: readonly Outcome['state'][], interrupted = false): number => {
    const { study, runs } = studyFixture({ rounds: 1 })
    const changed = runs.map((run, index) => {
      const state = states[index]
      return state === undefined || state === 'completed' ? run : withOutcome(run, state)
    })
    return runExitCode({ study, runs: changed, interrupted })
  }

  it('is 0 when every run completed, also when a ramp found its limit', () => {
    expect(codeOf([])).toBe(0)
  })

  it('is 71 when an audit failed, whatever else happened', () => {
    expect(codeOf(['void', 'audit-failed', 'failed'])).toBe(71)
  })

  it('is 130 when it was interrupted, before anything else', () => {
    expect(codeOf(['audit-failed'], true)).toBe(130)
  })

  it('is 70 when the driver was the limit in every round of a target', () => {
    const { study, runs } = studyFixture({ rounds: 2 })
    const [first] = runs
    if (first === undefined) throw new Error('the fixture has runs')
    const changed = runs.map((run) =>
      run.target.name === first.target.name ? withOutcome(run, 'void') : run,
    )
    expect(runExitCode({ study, runs: changed, interrupted: false })).toBe(70)
  })

  it('is 0 when a void round is made up for by another round of its target', () => {
    const { study, runs } = studyFixture({ rounds: 2 })
    const changed = runs.map((run, index) => (index === 0 ? withOutcome(run, 'void') : run))
    expect(runExitCode({ study, runs: changed, interrupted: false })).toBe(0)
  })

  it('is 0 when only a run on an emulated disk was void', () => {
    const { study, runs } = studyFixture({ rounds: 1 })
    const [first] = runs
    if (first === undefined) throw new Error('the fixture has runs')
    const target = { ...first.target, name: `${first.target.name}-fsync-1ms` }
    const slow = withOutcome({ ...first, id: 'slow', target }, 'void')
    const changed = [...runs, slow]
    expect(runExitCode({ study, runs: changed, interrupted: false })).toBe(70)
    const emulated = [{ of: first.target.name, fsyncUs: 1_000, target }]
    const labelled = { ...study, emulated } as typeof study
    expect(runExitCode({ study: labelled, runs: changed, interrupted: false })).toBe(0)
  })

  it('is 99 when a scenario that runs to its end broke an SLO', () => {
    const { study, runs } = studyFixture({ rounds: 1, scenario: { stop: 'at-end' } })
    expect(runExitCode({ study, runs, interrupted: false })).toBe(99)
  })
})

describe('what ships', () => {
  it.each(dataFiles(DATA_KINDS.target).map((file) => ({ name: nameOf(file), file })))(
    'target $name is right and carries the name of its file',
    ({ name, file }) => {
      expect(loadTarget(file).name).toBe(name)
    },
  )

  it('has a profile whose rate and growth the command line can replace', () => {
    const none = { ratePerS: undefined, growthPerMonthRatio: undefined }
    const mine = loadProfile('sample', { ratePerS: 800, growthPerMonthRatio: 0.2 })
    expect(mine).toEqual({
      ...loadProfile('sample', none),
      ratePerS: 800,
      growthPerMonthRatio: { low: 0.2, mid: 0.2, high: 0.2 },
    })
  })

  it('has the documented triggers, in the order of their numbers', () => {
    expect(
      loadTriggers()
        .map(({ id }) => id)
        .join(' '),
    ).toBe('E1 E2 E3 E4 E5 E6 E9 E10 E11 E12 E13 E14 E17a E17b E17c E18')
  })

  it('tells no command that the command line does not know', () => {
    const known =
      /^headroom run \{scenario\} --target \{target\}( --(rate|rates|initial-rows) \{\w+\})*$/
    for (const { measure } of loadTriggers()) expect(measure).toMatch(known)
  })
})
