/** Engines without a service: every way of writing is audited, a refused batch counts as a whole, a killed engine too. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunRecord } from '../../src/results/record.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

const scenario = (more = '') => `
name: short
seed: 7
rate: { kind: constant, ratePerS: 500 }
phases: { warmupS: 0.5, measureS: 4, drainS: 10 }
initialRows: 200
batchEvents: 20
requestTimeoutMs: 10000
slowDisk: never
${more}
`

async function runsOf(args: readonly string[], more = ''): Promise<readonly RunRecord[]> {
  writeFileSync(join(folder.path, 'short.yaml'), scenario(more))
  const { stderr } = await headroom(args, { cwd: folder.path })
  const results = join(folder.path, 'results')
  expect(existsSync(results), stderr).toBe(true)
  const study = readdirSync(results).at(-1)
  const dir = join(results, study ?? '')
  return readdirSync(dir)
    .filter((name) => /^\d+-/.test(name))
    .toSorted()
    .map((name) => RunRecord.parse(JSON.parse(readFileSync(join(dir, name, 'run.json'), 'utf8'))))
}

function countsOf({ outcome }: RunRecord) {
  if (outcome.state === 'failed' || outcome.measured === null) {
    throw new Error(`${outcome.state}: ${JSON.stringify(outcome)}`)
  }
  const sum = { accepted: 0, duplicate: 0, rejected: 0, unknown: 0, dropped: 0, due: 0 }
  for (const { counts, dueEvents } of outcome.measured.steps) {
    sum.due += dueEvents
    for (const key of ['accepted', 'duplicate', 'rejected', 'unknown', 'dropped'] as const) {
      sum[key] += counts[key]
    }
  }
  return sum
}

const auditOf = ({ outcome }: RunRecord) =>
  outcome.state === 'failed' ? undefined : outcome.audit?.stores[0]

describe('events written by SQL', () => {
  it('are accepted once committed, repeats told exactly, whichever way they travel', async () => {
    const vary = 'settings.method=unnest,values,insert,prepared,staging'
    const runs = await runsOf(
      ['sweep', 'short.yaml', '-t', 'pg-sql', '--rounds', '1', '--vary', vary],
      'events: { duplicateRatio: 0.05 }',
    )
    expect(runs).toHaveLength(5)
    const told = runs.map(countsOf)
    for (const [at, counts] of told.entries()) {
      const run = runs[at]
      expect(run === undefined ? null : auditOf(run)?.verdict).toBe('whole')
      expect(counts.duplicate).toBeGreaterThan(20)
      // The same seed repeats the same events, so every way has to find the same number of them.
      if (counts.accepted + counts.duplicate === counts.due) {
        expect(counts.duplicate).toBe(told[0]?.duplicate)
      }
    }
  })

  it('are rejected as a whole batch where COPY meets a repeat in a unique index', async () => {
    const [run] = await runsOf(
      ['sweep', 'short.yaml', '-t', 'pg-sql', '--rounds', '1']
        .concat(['--set', 'settings.method=copy', '--set', 'settings.repeats=refuse'])
        .concat(['--vary', 'settings.connections=2,4']),
      'events: { duplicateRatio: 0.02 }',
    )
    if (run === undefined) throw new Error('there was no run')
    const counts = countsOf(run)
    expect(counts.rejected).toBeGreaterThan(0)
    expect(counts.rejected % 20).toBe(0)
    expect(counts.duplicate).toBe(0)
    expect(auditOf(run)?.verdict).toBe('whole')
    expect(JSON.stringify(run.outcome)).toContain('SQLSTATE 23505')
  })

  it('stay unknown where the engine is killed under them, and nothing accepted is lost', async () => {
    const [run] = await runsOf(
      ['run', 'short.yaml', '-t', 'pg-sql', '--rounds', '1'],
      'faults: [{ kind: kill, part: postgres, atS: 2, lengthS: 1 }]',
    )
    if (run === undefined) throw new Error('there was no run')
    const counts = countsOf(run)
    expect(counts.unknown + counts.dropped).toBeGreaterThan(0)
    expect(counts.accepted).toBeGreaterThan(0)
    expect(auditOf(run)?.verdict, JSON.stringify(auditOf(run))).toBe('whole')
  })

  it('are refused at the door where COPY is to skip repeats', async () => {
    writeFileSync(join(folder.path, 'short.yaml'), scenario())
    const { exitCode, stderr } = await headroom(
      ['sweep', 'short.yaml', '-t', 'pg-sql', '--vary', 'settings.method=unnest,copy'],
      { cwd: folder.path },
    )
    expect(exitCode).toBe(64)
    expect(stderr).toContain('COPY has no ON CONFLICT')
  })
})
