import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  ClickHouseAddress,
  EngineContext,
  PostgresAddress,
  RunningEngine,
} from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { ClickHouseHttp } from '../../src/engines/clickhouse/http.ts'
import { freePort } from '../../src/kit/ports.ts'
import { textsOf } from '../fixtures/left-behind.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-external-'))
chmodSync(base, 0o755)
const signal = new AbortController().signal
const said: string[] = []

function context(name: string): EngineContext {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  const log = (line: string) => said.push(line)
  return {
    dataDir,
    logDir: join(base, 'logs'),
    name,
    runId: '2026-11-21-Quick',
    ledgerDir: join(base, 'servers'),
    signal,
    log,
  }
}

/** An embedded server plays the user's own. */
let postgres: RunningEngine<'postgres'>
let clickhouse: RunningEngine<'clickhouse'>
beforeAll(async () => {
  postgres = await startEngine(
    'postgres',
    { provider: 'embedded', settings: {} },
    context('postgres'),
  )
  clickhouse = await startEngine(
    'clickhouse',
    { provider: 'embedded', settings: {} },
    context('clickhouse'),
  )
})
afterAll(async () => {
  await clickhouse[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

async function databasesOf(address: PostgresAddress): Promise<string[]> {
  const client = new pg.Client(clientConfig(address))
  await client.connect()
  const { rows } = await client.query<{ datname: string }>(
    'SELECT datname FROM pg_database ORDER BY 1',
  )
  await client.end()
  return rows.map((row) => row.datname)
}

const external = (address: PostgresAddress, settings = {}) =>
  startEngine('postgres', { provider: 'external', settings, address }, context('own'))

const failureOf = (starting: Promise<unknown>) =>
  starting.then(
    () => null,
    (error: unknown) => error as Error & { code: string; hint: string },
  )

describe('an external PostgreSQL', () => {
  it('works in a database of its own and leaves nothing of it', async () => {
    const address = postgres.addressFor('harness')
    const before = await databasesOf(address)
    const engine = await external(address)
    expect(engine.provider).toBe('external')
    expect(engine.label).toMatch(/^postgres 18\./)
    expect(engine.addressFor('service').database).toMatch(/^headroom_2026_11_21_quick_[0-9a-f]{6}$/)
    await engine.control.execute('CREATE TABLE a (x int)', signal)
    for (const probe of engine.probes) await probe.sample(signal)
    expect((await databasesOf(address)).length).toBe(before.length + 1)
    // A service that still holds a connection does not keep the database alive.
    const left = new pg.Client(clientConfig(engine.addressFor('service')))
    left.on('error', () => undefined)
    await left.connect()
    await engine[Symbol.asyncDispose]()
    expect(await databasesOf(address)).toEqual(before)
  })

  it('never changes a setting: what differs is said', async () => {
    const engine = await external(postgres.addressFor('harness'), {
      max_connections: '7',
      fsync: 'on',
    })
    expect(said.at(-1)).toContain('max_connections = 200, the target asks for 7')
    await engine[Symbol.asyncDispose]()
  })

  it('says that a password is wrong, without repeating it', async () => {
    const address = { ...postgres.addressFor('harness'), password: 'hunter2-secret' }
    const failure = await failureOf(external(address))
    expect(failure).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
    expect(
      JSON.stringify([failure?.message, failure?.hint, String(failure?.stack), said]),
    ).not.toContain('hunter2')
  })

  it('says what a user lacks who may create neither databases nor schemas', async () => {
    await postgres.control.execute(`CREATE ROLE poor LOGIN PASSWORD 'poor'`, signal)
    const failure = await failureOf(
      external({ ...postgres.addressFor('harness'), user: 'poor', password: 'poor' }),
    )
    expect(failure).toMatchObject({ code: 'ENGINE_RIGHTS_MISSING' })
    expect(failure?.message).toContain('may create neither databases nor schemas')
    expect(failure?.hint).toContain('GRANT CREATE ON DATABASE "headroom" TO "poor"')
  })

  it('works for a user that is no superuser, who sees which transactions others hold', async () => {
    await postgres.control.execute(`CREATE ROLE plain LOGIN CREATEDB PASSWORD 'plain'`, signal)
    const address = { ...postgres.addressFor('harness'), user: 'plain', password: 'plain' }
    const engine = await external(address)
    await engine.control.execute(
      `CREATE TABLE events (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organization_id UUID,
         transaction_id TEXT, external_customer_id TEXT, code TEXT, timestamp TIMESTAMPTZ, properties JSONB,
         value DOUBLE PRECISION, decimal_value NUMERIC)`,
      signal,
    )
    const store = engine.eventsStore({ name: 'e', table: 'events', readable: 'events' })
    let { cursor } = await store.arrivals(null, signal)
    const insert = (id: string) => `INSERT INTO events (transaction_id) VALUES ('${id}')`
    // Another role writes: its transaction must be waited for, though its query is hidden from us.
    const other = new pg.Client(
      clientConfig({
        ...postgres.addressFor('harness'),
        database: engine.addressFor('harness').database,
      }),
    )
    await other.connect()
    await other.query('BEGIN')
    await other.query(insert('late'))
    await engine.control.execute(insert('early'), signal)
    const seen: string[] = []
    const poll = async (): Promise<void> => {
      const arrivals = await store.arrivals(cursor, signal)
      seen.push(...arrivals.ids)
      cursor = arrivals.cursor
    }
    for (let time = 0; time < 4; time++) await poll()
    expect(seen).toEqual(['early'])
    await other.query('COMMIT')
    await other.end()
    await poll()
    expect(seen).toEqual(['early', 'late'])
    for (const probe of engine.probes) await probe.sample(signal)
    await engine[Symbol.asyncDispose]()
  })

  it('says that nobody answers: a closed port, a silent one, a name that is none', async () => {
    const address = postgres.addressFor('harness')
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const started = Date.now()
    for (const wrong of [
      { ...address, port: await freePort() },
      { ...address, port },
      { ...address, host: 'no-such-host.invalid' },
      { ...address, database: 'no_such_database' },
    ]) {
      expect(await failureOf(external(wrong))).toMatchObject({ code: 'ENGINE_UNREACHABLE' })
    }
    expect(Date.now() - started).toBeLessThan(20_000)
    silent.close()
  })
})

describe('an external ClickHouse', () => {
  const start = (address: ClickHouseAddress, settings = {}) =>
    startEngine('clickhouse', { provider: 'external', settings, address }, context('ownch'))

  it('works in a database of its own and leaves nothing of it', async () => {
    const address = { ...clickhouse.addressFor('harness'), database: 'default' }
    const engine = await start(address, { max_threads: '13' })
    expect(said.at(-1)).toContain('the target asks for 13')
    await engine.control.execute('CREATE TABLE a (x UInt8) ENGINE = MergeTree ORDER BY x', signal)
    await using http = new ClickHouseHttp(address)
    const own = `SELECT name FROM system.databases WHERE name LIKE 'headroom!_2026%' ESCAPE '!'`
    const name = engine.addressFor('service').database
    expect(name).toMatch(/^headroom_2026_11_21_quick_[0-9a-f]{6}$/)
    expect(await http.text('SHOW DATABASES', { signal })).toContain(name)
    await engine[Symbol.asyncDispose]()
    expect(await http.text('SHOW DATABASES', { signal })).not.toContain(name)
    expect(own).toBeTruthy()
  })

  it('sends user and password as headers only, and says when they are refused', async () => {
    const requests: string[] = []
    const server = createHttpServer((request, response) => {
      requests.push(
        `${request.url ?? ''} ${String(request.headers['x-clickhouse-user'])} ${String(request.headers['x-clickhouse-key'])}`,
      )
      response.statusCode = 403
      response.end(
        'Code: 516. DB::Exception: bob: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)',
      )
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const failure = await failureOf(
      start({
        url: `http://127.0.0.1:${String(port)}`,
        database: 'default',
        user: 'bob',
        password: 'hunter2-secret',
      }),
    )
    expect(failure).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
    expect(JSON.stringify([failure?.message, failure?.hint, failure?.stack])).not.toContain(
      'hunter2',
    )
    expect(requests).toEqual(['/? bob hunter2-secret'])
    server.close()
  })

  it('says that nobody answers', async () => {
    const url = `http://127.0.0.1:${String(await freePort())}`
    expect(await failureOf(start({ url, database: 'default', user: 'default' }))).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
    })
  })

  it('notices when the server goes away for good', async () => {
    const address = { ...clickhouse.addressFor('harness'), database: 'default' }
    const engine = await start(address)
    await clickhouse.parts[0]?.fault('kill')
    expect(await engine.crashed).toContain('ownch does not answer any more')
    await clickhouse.parts[0]?.fault('restart')
    await engine[Symbol.asyncDispose]()
  })
})

it('keeps passwords out of logs and process arguments', () => {
  const password = postgres.addressFor('harness').password ?? 'none'
  expect(password.length).toBeGreaterThan(20)
  const texts = textsOf(postgres.parts[0]?.pids() ?? [], ['cmdline', 'environ'])
  expect(texts.length).toBeGreaterThan(3)
  expect(texts.filter((text) => text.includes(password))).toEqual([])
  expect(readFileSync(join(base, 'logs', 'postgres.log'), 'utf8')).not.toContain(password)
  expect(said.join('\n')).not.toContain(password)
})
