/** Faults of a scenario on real engines: what clients noticed, what was lost by name, and whether the target came back. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
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

async function measured(target: string, faults: readonly string[]) {
  writeFileSync(
    join(folder.path, 'broken.yaml'),
    `
name: broken
seed: 5
rate: { kind: constant, ratePerS: 200 }
spacing: poisson
phases: { warmupS: 1, measureS: 10, drainS: 10 }
requestTimeoutMs: 3000
slowDisk: never
faults:
${faults.map((fault) => `  - { ${fault} }`).join('\n')}
`,
  )
  const result = await headroom(['run', './broken.yaml', '--target', target], { cwd: folder.path })
  const files = readdirSync(folder.path, { recursive: true, encoding: 'utf8' })
  const read = (ending: string) =>
    readFileSync(join(folder.path, files.find((name) => name.endsWith(ending)) ?? ending), 'utf8')
  const record = RunRecord.parse(JSON.parse(read('run.json')))
  const { outcome } = record
  if (outcome.state !== 'completed') throw new Error(`${outcome.state}: ${result.stderr}`)
  return { ...result, outcome, faults: outcome.measured.faults ?? [], page: read('index.html') }
}

describe('a fault of a scenario', () => {
  it('that kills PostgreSQL is noticed, recovered from, and loses nothing that was committed', async () => {
    const { outcome, faults, page, exitCode, stdout } = await measured('pg-batch', [
      'kind: kill, part: postgres, atS: 3, lengthS: 1',
    ])
    expect(faults).toHaveLength(1)
    const [fault] = faults
    expect(fault).toMatchObject({ kind: 'kill', on: 'postgres', failed: null })
    expect(fault?.noticedMs).toBeGreaterThan(0)
    expect(fault?.wholeMs).not.toBeNull()
    // Requests under way when it died, and those of the second without it.
    expect(fault?.notAcceptedEvents).toBeGreaterThan(20)
    const [store] = outcome.audit.stores
    expect(store).toMatchObject({ verdict: 'whole', lostEvents: 0 })
    expect(outcome.measured.saturated).toBeNull()
    expect(stdout).toMatch(/came back from every fault and kept every promise/)
    expect(page).toContain('Faults and recovery')
    expect(exitCode).toBe(0)
  })

  it('that kills ClickHouse behind a fire-and-forget writer loses what the promise allows, by id', async () => {
    const { outcome, faults, exitCode } = await measured('dual-write', [
      'kind: kill, part: clickhouse, atS: 3, lengthS: 2',
    ])
    expect(faults[0]).toMatchObject({ on: 'clickhouse', failed: null })
    const [postgres, clickhouse] = outcome.audit.stores
    expect(postgres).toMatchObject({ verdict: 'whole', lostEvents: 0 })
    expect(clickhouse?.verdict).toBe('as-promised')
    expect(clickhouse?.lostEvents).toBeGreaterThan(0)
    expect(clickhouse?.lost).toHaveLength(
      Math.min(clickhouse?.lostEvents ?? 0, clickhouse?.listLimit ?? 0),
    )
    // What was dropped will never be readable: the backlog of the secondary does not drain.
    expect(faults[0]?.drainedMs).toBeNull()
    expect(exitCode).not.toBe(0)
  })

  it('that loses the disk is restored from a backup and the archive; what is missing is counted by id', async () => {
    const { outcome, faults, exitCode } = await measured('pg-batch-archived', [
      'kind: restore, role: database, atS: 4, lengthS: 1',
    ])
    expect(faults[0]).toMatchObject({ kind: 'restore', on: 'database', failed: null })
    expect(faults[0]?.wholeMs).not.toBeNull()
    const [store] = outcome.audit.stores
    expect(store?.verdict).toMatch(/whole|as-promised/)
    // The archive is at most archive_timeout (2 s) and a segment switch behind: 200 events/s.
    expect(store?.lostEvents).toBeLessThan(200 * 4)
    expect(store?.lost).toHaveLength(Math.min(store?.lostEvents ?? 0, store?.listLimit ?? 0))
    expect(exitCode).toBe(0)
  })

  it('that holds a transaction open shows in what rose, and is no matter to clients', async () => {
    const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events'
    const { outcome, faults } = await measured('pg-direct', [
      `kind: session, role: database, begin: "${begin}", atS: 3, lengthS: 5`,
    ])
    expect(faults[0]).toMatchObject({ kind: 'session', on: 'database', failed: null })
    const risen = faults[0]?.moved.map(({ metric }) => metric) ?? []
    expect(risen.join(' ')).toMatch(/horizon\./)
    expect(outcome.audit.stores[0]).toMatchObject({ verdict: 'whole' })
  })
})
