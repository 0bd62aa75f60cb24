/**
 * A service of a user's own that writes to his own PostgreSQL: audited by a statement of his, over verified TLS, as a role
 * that may only read; the server is looked at and nothing on it is changed.
 */
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/kit/paths.ts'
import { freePort } from '../../src/kit/ports.ts'
import { RunRecord } from '../../src/results/record.ts'
import type { CliResult } from '../cli/cli-process.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'
import type { OwnPostgres } from '../fixtures/own-postgres.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'

const AUDITOR_PASSWORD = 'canary-auditor-7b1e'
const WRITER_PASSWORD = 'canary-writer-93aa'

let server: OwnPostgres
let folder: ReturnType<typeof temporaryFolder>
beforeAll(async () => {
  server = await startOwnPostgres()
  await server.sql('CREATE DATABASE shop')
  for (const statement of [
    'CREATE TABLE usage (event_key text PRIMARY KEY, org uuid NOT NULL, amount float8, at timestamptz DEFAULT now())',
    `INSERT INTO usage SELECT 'old-' || n, gen_random_uuid(), n, now() - interval '1 day' FROM generate_series(1, 500) n`,
    `CREATE ROLE auditor LOGIN PASSWORD '${AUDITOR_PASSWORD}'`,
    'GRANT pg_monitor TO auditor',
    'GRANT SELECT ON usage TO auditor',
    `CREATE ROLE writer LOGIN PASSWORD '${WRITER_PASSWORD}'`,
    'GRANT SELECT, INSERT ON usage TO writer',
  ]) {
    await server.sql(statement, 'shop')
  }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

describe('a service that is audited by SQL', () => {
  it('holds what it acknowledged; rows that were there before are left alone and left out', async () => {
    const schemaBefore = await everythingCreated()
    const result = await run({
      statement:
        'SELECT event_key AS transaction_id, org AS organization_id, amount AS value FROM usage',
    })
    expect(result).toMatchObject({ exitCode: 0 })
    const record = onlyRecord()
    if (record.outcome.state !== 'completed') throw new Error(JSON.stringify(record.outcome))
    const [audit] = record.outcome.audit.stores
    expect(audit).toMatchObject({
      by: 'statement',
      verdict: 'whole',
      lostEvents: 0,
      divergedEvents: 0,
      notSeen: [],
    })
    expect(audit?.unrelatedRows).toBeGreaterThanOrEqual(500)
    expect(audit?.storedRows).toBe(audit?.acceptedEvents)

    const { measured } = record.outcome
    expect(measured.metrics['wal.bytes']).toBeGreaterThan(0)
    expect(measured.stores).toMatchObject([{ name: 'database.usage' }])
    expect(measured.checkpoints).toEqual([])
    expect(record.engines).toMatchObject([
      { role: 'database', kind: 'postgres', provider: 'external' },
    ])
    expect(await everythingCreated()).toEqual(schemaBefore)
    expectNowhere(result)
  })

  it('is found out when it loses events, each by its id', async () => {
    const result = await run({
      statement: 'SELECT event_key AS transaction_id FROM usage WHERE at >= ${started_at};',
      loseEvery: 25,
    })
    expect(result.exitCode).toBe(71)
    const { outcome } = onlyRecord()
    if (outcome.state !== 'audit-failed') throw new Error(JSON.stringify(outcome))
    const [audit] = outcome.audit.stores
    const stored = await server.sql<{ event_key: string }>('SELECT event_key FROM usage', 'shop')
    const kept = new Set(stored.map((row) => row.event_key))
    expect(audit?.lostEvents).toBeGreaterThan(5)
    expect(audit?.lost).toHaveLength(audit?.lostEvents ?? 0)
    for (const name of audit?.lost ?? []) expect(kept.has(name.split('/')[1] ?? '')).toBe(false)
    expect(audit?.notSeen).toHaveLength(2)
    expect(audit?.unrelatedRows).toBe(0)
  })

  it.each([
    [
      'a statement the server refuses',
      'SELECT nothing FROM nowhere',
      64,
      /audit.statement is refused/,
    ],
    [
      'a statement that writes',
      'DELETE FROM usage RETURNING event_key AS transaction_id',
      64,
      /refused/,
    ],
    [
      'a statement whose rows cannot be read as what they are to be',
      'SELECT event_key AS transaction_id, event_key::float8 AS value FROM usage',
      64,
      /audit.statement fails on its rows/,
    ],
    [
      'a statement without ids',
      'SELECT amount AS value FROM usage',
      64,
      /no column transaction_id/,
    ],
  ])('%s ends before an event is sent', async (_, statement, exitCode, words) => {
    const before = await server.sql<{ count: string }>('SELECT count(*) FROM usage', 'shop')
    const result = await run({ statement })
    expect(result.stdout + result.stderr).toMatch(words)
    expect(result.exitCode).toBe(exitCode)
    expect(await server.sql('SELECT count(*) FROM usage', 'shop')).toEqual(before)
  })

  it('that fails on rows of the run ends unaudited with 64; what was measured is kept', async () => {
    const result = await run({
      statement:
        'SELECT event_key AS transaction_id, event_key::float8 AS value FROM usage WHERE at >= ${started_at}',
    })
    expect(result.exitCode).toBe(64)
    expect(result.stderr).not.toContain('Headroom itself failed')
    const { outcome } = onlyRecord()
    if (outcome.state !== 'not-audited') throw new Error(JSON.stringify(outcome))
    expect(outcome.because).toContain('audit.statement fails on its rows')
    expect(outcome.measured.steps.length).toBeGreaterThan(0)
  })

  it('with a table to watch that is not there ends before an event is sent, and names where that stands', async () => {
    const result = await run({
      statement: 'SELECT event_key AS transaction_id FROM usage',
      tables: ['usage', 'usaeg'],
    })
    expect(result.exitCode).toBe(64)
    expect(result.stdout + result.stderr).toMatch(
      /targets\/shop.yaml:\d+ .*engines.database.tables.*usaeg/,
    )
    expect(result.stderr).not.toContain('Headroom itself failed')
  })

  it('without the address of the server ends with 64 and says how to give it', async () => {
    const result = await run({ statement: 'SELECT 1 AS transaction_id', dsn: '' })
    expect(result.exitCode).toBe(64)
    expect(result.stderr).toContain('HEADROOM_POSTGRES_DSN')
  })
})

async function run(options: {
  readonly statement: string
  readonly loseEvery?: number
  readonly dsn?: string
  readonly tables?: readonly string[]
}): Promise<CliResult> {
  const port = await freePort()
  mkdirSync(join(folder.path, 'targets'))
  writeFileSync(join(folder.path, 'targets/shop.yaml'), target(port, options))
  writeFileSync(join(folder.path, 'short.yaml'), SHORT)
  const auditor = server.dsn({ role: 'auditor', password: AUDITOR_PASSWORD, database: 'shop' })
  return await headroom(['run', './short.yaml', '--target', 'shop'], {
    cwd: folder.path,
    env: {
      ...(options.dsn === '' ? {} : { HEADROOM_POSTGRES_DSN: auditor }),
      SHOP_DSN: server.dsn({
        role: 'writer',
        password: WRITER_PASSWORD,
        database: 'shop',
        parameters: 'a=b',
      }),
      SHOP_CA: server.caFile,
      SHOP_LOSE: String(options.loseEvery ?? 0),
    },
  })
}

const SHORT = `
name: short
seed: 5
rate: { kind: constant, ratePerS: 200 }
phases: { warmupS: 0.5, measureS: 3, drainS: 1 }
events: { organizations: 3, identifiers: uuidv7 }
batchEvents: 5
rounds: 1
slowDisk: never
`

function target(
  port: number,
  {
    statement,
    tables = ['usage'],
  }: { readonly statement: string; readonly tables?: readonly string[] },
): string {
  const script = join(packageRoot, 'test/fixtures/own-service/sql-service.mjs')
  return `
kind: service
name: shop
url: http://127.0.0.1:${String(port)}
request:
  path: /usage
  body:
    event: { key: "\${transaction_id}", org: "\${organization_id}", amount: "\${value}" }
    batch: array
    around: { events: "\${events}" }
answers:
  items: { at: results, accepted: ok, duplicate: again }
audit:
  by: sql
  engine: postgres
  settleS: 1
  statement: ${JSON.stringify(statement)}
engines:
  database: { kind: postgres, tables: [${tables.join(', ')}] }
process:
  command: [${process.execPath}, ${script}]
  env:
    PORT: '${String(port)}'
    DSN: "\${env.SHOP_DSN}"
    CA: "\${env.SHOP_CA}"
    LOSE_EVERY: "\${env.SHOP_LOSE}"
`
}

function onlyRecord(): RunRecord {
  const [file] = filesBelow(join(folder.path, 'results')).filter((each) =>
    each.endsWith('run.json'),
  )
  return RunRecord.parse(JSON.parse(readFileSync(file ?? '', 'utf8')))
}

/** Databases, schemas, tables, roles and extensions: what a harness could have left. */
async function everythingCreated(): Promise<unknown> {
  return await server.sql(
    `SELECT datname::text AS name FROM pg_database UNION ALL SELECT nspname FROM pg_namespace
      WHERE nspname !~ '^pg_(temp|toast_temp)' UNION ALL SELECT relname FROM pg_class UNION ALL
      SELECT rolname FROM pg_roles UNION ALL SELECT extname FROM pg_extension ORDER BY 1`,
    'shop',
  )
}

function expectNowhere(said: CliResult): void {
  for (const secret of [AUDITOR_PASSWORD, WRITER_PASSWORD]) {
    expect(said.stdout + said.stderr).not.toContain(secret)
    for (const file of filesBelow(folder.path)) {
      expect(readFileSync(file).includes(secret), file).toBe(false)
    }
  }
}

function filesBelow(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file).isFile())
}
