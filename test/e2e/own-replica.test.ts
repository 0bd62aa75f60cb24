/**
 * The command line on a PostgreSQL of the user's own with a replica of it, and with PgBouncer in front: servers of this machine
 * play them. Nothing is left on either.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EngineContext, RunningEngine } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'
import { calmScenario, expectSecretsNowhere, onlyRecord } from '../fixtures/left-behind.ts'

const SECRET = 'cAnary-r3plica-s3cret'
const base = mkdtempSync(join(tmpdir(), 'headroom-own-pair-'))
const { signal } = new AbortController()

function context(name: string): EngineContext {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(base, 'logs')
  return { ...{ dataDir, logDir, name, signal }, runId: 'own', log: () => undefined }
}

let primary: RunningEngine<'postgres'>
let replica: RunningEngine<'postgres'>
beforeAll(async () => {
  const settings = { wal_level: 'replica', max_wal_senders: '5' }
  const embedded = { provider: 'embedded', settings } as const
  primary = await startEngine('postgres', embedded, context('primary'))
  replica = await startEngine('postgres', { ...embedded, upstream: primary }, context('replica'))
  await primary.control.execute(
    `CREATE ROLE bench LOGIN PASSWORD '${SECRET}'; GRANT CREATE ON DATABASE headroom TO bench;
     GRANT pg_monitor TO bench`,
    signal,
  )
})
afterAll(async () => {
  await replica[Symbol.asyncDispose]()
  await primary[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
  calmScenario(folder.path)
  writeFileSync(join(folder.path, 'password'), `${SECRET}\n`, { mode: 0o600 })
})
afterEach(() => {
  folder.remove()
})

const place = (engine: RunningEngine<'postgres'>): string => {
  const { host, port, database } = engine.addressFor('harness')
  const dsn = `postgres://bench@${host}:${String(port)}/${database}?sslmode=disable`
  return `{ dsn: '${dsn}', passwordFile: password }`
}
const engines = (text: string) => {
  writeFileSync(join(folder.path, 'engines.yaml'), text)
}
const run = (...args: readonly string[]) =>
  headroom(['run', './calm.yaml', ...args], { cwd: folder.path })

async function schemasLeft(): Promise<unknown> {
  return await withClient(primary.addressFor('harness'), signal, async (client) => {
    const { rows } = await client.query("SELECT FROM pg_namespace WHERE nspname LIKE 'headroom%'")
    return rows.length
  })
}

describe('headroom run on a pair of the user’s own', () => {
  it('reads from the replica that a role names, and audits both', async () => {
    engines(`postgres: ${place(primary)}\nroles:\n  replica: ${place(replica)}\n`)
    const looked = await run('--target', 'pg-replica', '--dry-run')
    expect(looked).toMatchObject({ exitCode: 0 })
    expect(looked.stdout).toMatch(/a replica/)

    const { stdout, stderr } = await run('--target', 'pg-replica')
    const record = onlyRecord(folder.path)
    expect(record.outcome.state, stderr).toBe('completed')
    expect(record.engines.map(({ role, provider }) => [role, provider])).toEqual([
      ['database', 'external'],
      ['replica', 'external'],
    ])
    const audits = record.outcome.state === 'completed' ? record.outcome.audit.stores : []
    expect(audits.map(({ verdict, lostEvents }) => [verdict, lostEvents])).toEqual([
      ['whole', 0],
      ['whole', 0],
    ])
    expect(audits.every(({ acceptedEvents }) => acceptedEvents > 0)).toBe(true)
    expect(await schemasLeft()).toBe(0)
    expectSecretsNowhere([SECRET], {
      ...{ folder: folder.path, except: ['password'], texts: [stdout, stderr] },
    })
  })

  it('says before anything is made what is missing or wrong', async () => {
    engines(`postgres: ${place(primary)}\nroles:\n  repllica: ${place(replica)}\n`)
    const missing = await run('--target', 'pg-replica')
    expect(missing.stderr).toMatch(/wants replica, a second postgres beside your own/)
    expect(missing.stderr).toMatch(/roles: \{ replica: \{ dsn: … \} \}.*it names repllica/s)
    engines(`postgres: ${place(primary)}\nroles:\n  replica: ${place(primary)}\n`)
    const swapped = await run('--target', 'pg-replica', '--dry-run')
    expect(swapped.exitCode).not.toBe(0)
    expect(swapped.stderr).toMatch(/is no replica: it is not in recovery/)
    expect(await schemasLeft()).toBe(0)
  })

  it.skipIf(findProgram('pgbouncer') === null)(
    'writes through a pooler that is started in front of it',
    async () => {
      engines(`postgres: ${place(primary)}\n`)
      const { stderr } = await run('--target', 'pg-direct-pooled')
      const record = onlyRecord(folder.path)
      expect(record.outcome.state, stderr).toBe('completed')
      expect(record.engines.map(({ kind, provider }) => [kind, provider])).toEqual([
        ['postgres', 'external'],
        ['pgbouncer', 'embedded'],
      ])
      const audits = record.outcome.state === 'completed' ? record.outcome.audit.stores : []
      expect(audits).toMatchObject([{ verdict: 'whole', lostEvents: 0 }])
      expect(await schemasLeft()).toBe(0)
    },
  )
})
