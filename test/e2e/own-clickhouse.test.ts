/**
 * The command line against a ClickHouse of the user's own, beside a PostgreSQL of his own: TLS from test CAs, passwords,
 * rights that are missing. Canaries made before are untouched after; the canary secrets are found nowhere.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import { makeAuthority } from '../fixtures/certificates.ts'
import {
  calmScenario,
  expectSecretsNowhere,
  onlyRecord,
  processTexts,
} from '../fixtures/left-behind.ts'
import type { OwnClickHouse } from '../fixtures/own-clickhouse.ts'
import { startOwnClickHouse } from '../fixtures/own-clickhouse.ts'
import type { OwnPostgres } from '../fixtures/own-postgres.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'

const CLICKHOUSE_SECRET = 'ch-cAnary/9f%40&y'
const POSTGRES_SECRET = 'pg-cAnary/9f%40&y'
const SECRETS = [CLICKHOUSE_SECRET, POSTGRES_SECRET]

let clickhouse: OwnClickHouse
let postgres: OwnPostgres
beforeAll(async () => {
  clickhouse = await startOwnClickHouse({ user: 'bench', password: CLICKHOUSE_SECRET })
  await clickhouse.sql('CREATE DATABASE headroom_canary')
  for (const table of ['headroom_canary.events_raw', 'default.events_raw', 'default.events']) {
    await clickhouse.sql(
      `CREATE TABLE ${table} (id UInt32, word String) ENGINE = MergeTree ORDER BY id
         AS SELECT number, hex(MD5(toString(number))) FROM numbers(5000)`,
    )
  }
  postgres = await startOwnPostgres()
  await postgres.sql(`CREATE ROLE bench LOGIN PASSWORD '${POSTGRES_SECRET}'`)
  await postgres.sql('CREATE DATABASE scratch OWNER bench')
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await clickhouse[Symbol.asyncDispose]()
})

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
  calmScenario(folder.path)
  clickhouse.deny([])
})
afterEach(() => {
  folder.remove()
})

/** Databases, tables, settings, and the canaries' contents. */
async function stateOfServer(): Promise<readonly string[]> {
  return [
    await clickhouse.sql('SELECT name, comment FROM system.databases ORDER BY 1'),
    await clickhouse.sql(
      `SELECT database, name, uuid FROM system.tables
        WHERE database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema') ORDER BY 1, 2`,
    ),
    await clickhouse.sql('SELECT name, value FROM system.server_settings WHERE changed ORDER BY 1'),
    ...(await Promise.all(
      ['headroom_canary.events_raw', 'default.events_raw', 'default.events'].map((table) =>
        clickhouse.sql(`SELECT count(), groupBitXor(cityHash64(id, word)) FROM ${table}`),
      ),
    )),
  ]
}

function engines(caFile = clickhouse.caFile, secret = CLICKHOUSE_SECRET): void {
  writeFileSync(join(folder.path, 'pg-password'), POSTGRES_SECRET, { mode: 0o600 })
  writeFileSync(join(folder.path, 'ch-password'), secret, { mode: 0o600 })
  writeFileSync(
    join(folder.path, 'engines.yaml'),
    `postgres:
  dsn: postgres://bench@127.0.0.1:${String(postgres.port)}/scratch
  passwordFile: pg-password
  ca: ${postgres.caFile}
clickhouse:
  dsn: https://bench@127.0.0.1:${String(clickhouse.port)}/default
  passwordFile: ch-password
  ca: ${caFile}
`,
  )
}

const run = (target: string) => ['run', './calm.yaml', '--target', target, '--rounds', '1']
const nowhere = (...texts: readonly string[]): void => {
  expectSecretsNowhere(SECRETS, {
    folder: folder.path,
    except: ['pg-password', 'ch-password'],
    texts,
  })
}

describe('a ClickHouse of the user’s own', () => {
  it('is measured beside his PostgreSQL; nothing else is touched, and the secrets are nowhere', async () => {
    engines()
    const before = await stateOfServer()
    const running = startHeadroom(run('dual-write'), { cwd: folder.path })
    await running.said(/events\/s, p99/)
    const during = processTexts()
    const made = await clickhouse.sql(
      `SELECT name, comment FROM system.databases WHERE name LIKE 'headroom!_2%' ESCAPE '!'`,
    )
    const result = await running.ended
    expect(result.exitCode, result.stderr).toBe(0)
    expect(made).toMatch(/^headroom_2\w+\theadroom 2.*-smoke\/01-dual-write-round-1$/)
    expect(await stateOfServer()).toEqual(before)
    const { outcome, engines: recorded } = onlyRecord(folder.path)
    if (outcome.state !== 'completed') throw new Error(outcome.state)
    expect(outcome.audit.stores.map(({ store }) => store)).toEqual([
      'postgres.events',
      'clickhouse.events_raw',
    ])
    expect(outcome.audit.passed).toBe(true)
    expect(recorded.map(({ provider }) => provider)).toEqual(['external', 'external'])
    expect(Object.keys(outcome.measured.metrics)).toContain('parts.active{events_raw}')
    nowhere(result.stdout, result.stderr, ...during)
  })

  it('that hides its counters is measured without them: absent, not zero, and said by name', async () => {
    engines()
    clickhouse.deny([/system\.(events|metrics|settings|merge_tree_settings|server_settings)\b/])
    const result = await headroom(run('clickhouse-direct'), { cwd: folder.path })
    expect(result.exitCode, result.stderr).toBe(0)
    const { outcome, engines: recorded } = onlyRecord(folder.path)
    if (outcome.state !== 'completed') throw new Error(outcome.state)
    const metrics = Object.keys(outcome.measured.metrics).join(' ')
    expect(metrics).toContain('parts.active')
    expect(metrics).not.toMatch(/inserts\.|merges\.|parts\.created/)
    const unseen = recorded[0]?.unseen?.join('\n')
    expect(unseen).toContain('GRANT SELECT ON system.events, system.metrics')
    expect(unseen).toContain('system.server_settings')
    const [id = ''] = readdirSync(join(folder.path, 'reports'))
    const report = readFileSync(join(folder.path, 'reports', id, 'index.html'), 'utf8')
    expect(report).toContain('GRANT SELECT ON system.events, system.metrics')
  })

  it('that lets nobody make a database says which right is missing', async () => {
    engines()
    const before = await stateOfServer()
    clickhouse.deny([/^CREATE DATABASE|^CHECK GRANT/])
    const result = await headroom(run('clickhouse-direct'), { cwd: folder.path })
    expect(result.exitCode).toBe(69)
    expect(result.stderr).toContain('may not create and drop a database of its own')
    expect(result.stderr).toContain('GRANT CREATE DATABASE')
    expect(await stateOfServer()).toEqual(before)
    expect(readdirSync(join(folder.path, '.headroom', 'servers'))).toEqual([])
  })

  it('is told what would be made, and nothing is', async () => {
    engines()
    const before = await stateOfServer()
    const result = await headroom([...run('dual-write'), '--dry-run'], { cwd: folder.path })
    expect(result.exitCode, result.stderr).toBe(0)
    expect(result.stdout).toMatch(/warehouse: clickhouse 2[\d.]+ at bench@127\.0\.0\.1:\d+ \(TLS/)
    expect(result.stdout).toMatch(
      /makes database headroom_<run>_<random>; .* six digits drawn anew/,
    )
    expect(await stateOfServer()).toEqual(before)
    nowhere(result.stdout, result.stderr)
  })

  it('leaves to `headroom clean` what a killed Headroom made, and only that', async () => {
    engines()
    const before = await stateOfServer()
    const running = startHeadroom(run('clickhouse-direct'), { cwd: folder.path })
    await running.said(/events\/s, p99/)
    running.child.kill('SIGKILL')
    await running.ended
    await delay(500)
    expect(await stateOfServer()).not.toEqual(before)
    const forged = {
      schema: 1,
      owner: { pid: 2 ** 22 + 1, start: 'gone', command: 'headroom' },
      startedAt: '2026-01-01T00:00:00.000Z',
      runId: 'forged',
      kind: 'clickhouse',
      where: `bench@127.0.0.1:${String(clickhouse.port)}`,
      what: 'database',
      name: 'headroom_canary',
      inside: null,
      mark: 'headroom forged',
    }
    const dir = join(folder.path, '.headroom', 'servers')
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'forged.json'), JSON.stringify(forged))
    const cleaned = await headroom(['clean', '--json'], { cwd: folder.path })
    expect(cleaned.exitCode).toBe(69)
    expect(JSON.parse(cleaned.stdout)).toMatchObject({
      servers: [
        { name: 'headroom_canary', state: 'not-marked' },
        { what: 'database', state: 'dropped' },
      ],
    })
    expect(await stateOfServer()).toEqual(before)
    nowhere(cleaned.stdout, cleaned.stderr)
  })
})

describe('a ClickHouse that is not what the user thinks', () => {
  const told = async (): Promise<string> => {
    const result = await headroom(run('clickhouse-direct'), { cwd: folder.path })
    expect(result.exitCode).toBe(69)
    nowhere(result.stdout, result.stderr)
    return result.stderr
  }

  it('is refused when another authority than the named one has signed its certificate', async () => {
    const wrong = join(folder.path, 'wrong.pem')
    writeFileSync(wrong, makeAuthority().certificate)
    engines(wrong)
    expect(await told()).toContain('the authority you named has not signed')
  })

  it('is refused when the password is wrong', async () => {
    engines(clickhouse.caFile, `wrong-${CLICKHOUSE_SECRET}`)
    expect(await told()).toContain('refuses user "bench" and its password')
  })

  it('is not spoken to in the clear on its TLS port, nor over TLS on a plain one', async () => {
    const env = { HEADROOM_CLICKHOUSE_DSN: `http://bench@127.0.0.1:${String(clickhouse.port)}` }
    const plain = await headroom(run('clickhouse-direct'), { cwd: folder.path, env })
    expect(plain.exitCode).toBe(69)
    expect(plain.stderr).toContain('write https:// instead of http://')
    const wrong = { HEADROOM_CLICKHOUSE_DSN: `https://bench@127.0.0.1:${String(postgres.port)}` }
    const other = await headroom(run('clickhouse-direct'), { cwd: folder.path, env: wrong })
    expect(other.exitCode).toBe(69)
    expect(other.stderr).toMatch(/does not speak TLS on this port|cannot be reached/)
  })
})
