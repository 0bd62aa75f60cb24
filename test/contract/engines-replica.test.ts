/** A real streaming replica: that it follows, that it comes back, and what it leaves behind. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineContext, PostgresAddress, StoringEngine } from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { startEmbeddedPostgres } from '../../src/engines/postgres/embedded.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { rowOf } from '../../src/kit/process-table.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { Scope } from '../../src/kit/scope.ts'
import { isReadableByAll } from '../fixtures/readable.ts'
import { textsOf } from '../fixtures/left-behind.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-replica-'))
chmodSync(base, 0o755)
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const never = new AbortController().signal

function context(name: string): EngineContext {
  const dataDir = join(base, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(base, 'logs')
  return { dataDir, logDir, name, runId: 'test', signal: never, log: () => undefined }
}

async function query<Row extends object>(address: PostgresAddress, sql: string): Promise<Row[]> {
  const client = new pg.Client(clientConfig(address))
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadlineMs) throw new Error(`not within a minute: ${what}`)
    await delay(20)
  }
}

type Engine = StoringEngine<'postgres'>

async function startPair(
  name: string,
  settings: {
    readonly primary?: Record<string, string>
    readonly replica?: Record<string, string>
  },
) {
  await using scope = new Scope()
  const primary = scope.use(
    await startEngine(
      'postgres',
      { provider: 'embedded', settings: settings.primary ?? {} },
      context(`${name}-primary`),
    ),
  )
  const replica = scope.use(
    await startEngine(
      'postgres',
      { provider: 'embedded', settings: settings.replica ?? {}, upstream: primary },
      context(`${name}-replica`),
    ),
  )
  const owned = scope.move()
  return { primary, replica, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
}

const countOn = async (engine: Engine) =>
  (await query<{ n: number }>(engine.addressFor('harness'), 'SELECT count(*)::int AS n FROM a'))[0]
    ?.n

describe('a streaming replica', () => {
  let pair: Awaited<ReturnType<typeof startPair>>
  beforeAll(async () => {
    pair = await startPair('shared', {
      primary: { max_connections: '77' },
      replica: { max_standby_streaming_delay: '7s', wal_retrieve_retry_interval: '100ms' },
    })
    await pair.primary.control.execute('CREATE TABLE a (x int)', never)
  })
  afterAll(async () => {
    await pair[Symbol.asyncDispose]()
  })

  it('shows what its primary commits, and takes no writes', async () => {
    const { primary, replica } = pair
    await primary.control.execute('INSERT INTO a SELECT generate_series(1, 1000)', never)
    await until('rows arrive', async () => (await countOn(replica)) === 1_000)
    await expect(replica.control.execute('INSERT INTO a VALUES (1)', never)).rejects.toThrow(
      /read-only transaction/,
    )
  })

  it('has settings of its own, and of its primary those it cannot do without', () => {
    expect(pair.replica.settings).toMatchObject({
      max_connections: '77',
      max_standby_streaming_delay: '7s',
      primary_slot_name: 'headroom_shared_replica',
    })
    expect(JSON.stringify(pair.replica.settings)).not.toContain(base)
  })

  it('keeps the password out of its command line', () => {
    const secret = pair.primary.addressFor('harness').password ?? ''
    expect(secret.length).toBeGreaterThan(10)
    const commands = pair.replica.parts.flatMap((part) => textsOf(part.pids()))
    expect(commands.length).toBeGreaterThan(3)
    expect(commands.filter((command) => command.includes(secret))).toEqual([])
  })

  it('catches up after kill -9, and what was committed meanwhile is there', async () => {
    const { primary, replica } = pair
    const before = await countOn(primary)
    await replica.parts[0]?.fault('kill')
    await primary.control.execute('INSERT INTO a SELECT generate_series(1, 500)', never)
    await replica.parts[0]?.fault('restart')
    await until('it catches up', async () => (await countOn(replica)) === (before ?? 0) + 500)
  })

  it('answers while its primary is dead, and follows again when that is back', async () => {
    const { primary, replica } = pair
    const before = await countOn(primary)
    await primary.parts[0]?.fault('kill')
    expect(await countOn(replica)).toBe(before)
    await primary.parts[0]?.fault('restart')
    await primary.control.execute('INSERT INTO a SELECT generate_series(1, 500)', never)
    await until('it follows', async () => (await countOn(replica)) === (before ?? 0) + 500)
  })

  it('tells what it has not replayed', async () => {
    const { primary, replica } = pair
    const read = async () => {
      const samples = await Promise.all(replica.probes.map((probe) => probe.sample(never)))
      return samples.flat().find(({ metric }) => metric === 'replica.unreplayedBytes')
    }
    await replica.control.execute('SELECT pg_wal_replay_pause()', never)
    await primary.control.execute('INSERT INTO a SELECT generate_series(1, 20000)', never)
    await until('it has received a megabyte', async () => ((await read())?.value ?? 0) > 1_000_000)
    expect(await read()).toMatchObject({ label: 'shared-replica' })
    await replica.control.execute('SELECT pg_wal_replay_resume()', never)
    await until('it has replayed that', async () => (await read())?.value === 0)
  })
})

describe('starting and stopping a replica', () => {
  it('leaves neither processes nor data', async () => {
    const pair = await startPair('brief', {})
    const pids = [...pair.primary.parts, ...pair.replica.parts].flatMap((part) => part.pids())
    await pair[Symbol.asyncDispose]()
    expect(pids.filter((pid) => rowOf(pid)?.zombie === false)).toEqual([])
    expect(existsSync(join(base, 'brief-replica-data'))).toBe(false)
    expect(existsSync(join(base, 'brief-primary-data'))).toBe(false)
  })

  it('refuses a primary that keeps too little of its log', async () => {
    await expect(
      startPair('minimal', { primary: { wal_level: 'minimal', max_wal_senders: '0' } }),
    ).rejects.toMatchObject({ code: 'BAD_INPUT', hint: expect.stringContaining('wal_level') })
  })

  it('refuses settings that the harness makes', async () => {
    await expect(
      startPair('own', { replica: { primary_conninfo: 'host=elsewhere' } }),
    ).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })

  it('starts where every commit waits for it, and then every commit does', async () => {
    await using pair = await startPair('waited', {
      primary: { synchronous_commit: 'remote_apply', synchronous_standby_names: '*' },
    })
    const { primary, replica } = pair
    await primary.control.execute('CREATE TABLE a (x int)', never)
    for (let time = 1; time <= 50; time++) {
      await primary.control.execute('INSERT INTO a VALUES (1)', never)
      expect(await countOn(replica)).toBe(time)
    }
  })
})

const hasPartman = findPackage('pg_partman') !== null
describe.runIf(hasPartman || process.env['HEADROOM_REQUIRE_ALL'] !== undefined)(
  'a replica of a server with an extension that was unpacked beside it',
  () => {
    it('finds what that loads, and has its tables', async () => {
      await using scope = new Scope()
      const primary = scope.use(
        await startEmbeddedPostgres({}, context('extended-primary'), { wants: ['pg_partman'] }),
      )
      expect(primary.settings['shared_preload_libraries']).toContain('pg_partman_bgw')
      const replica = scope.use(
        await startEngine(
          'postgres',
          { provider: 'embedded', settings: {}, upstream: primary },
          context('extended-replica'),
        ),
      )
      const parents = `SELECT count(*)::int AS n FROM partman.part_config`
      expect(await query(replica.addressFor('harness'), parents)).toEqual([{ n: 0 }])
    })
  },
)

/** As root each of these can be what a machine leaves; PostgreSQL itself never runs as root. */
describe.runIf(process.getuid?.() === 0)('a replica of a server that runs', () => {
  it.for(['dropped', 'namespace', 'copied'] as const)(
    '%s can be made',
    async (account, { skip }) => {
      skip(
        account === 'dropped' && !isReadableByAll(packageRoot),
        'only root can read this checkout',
      )
      await using scope = new Scope()
      const primary = scope.use(
        await startEmbeddedPostgres({}, context(`of-${account}`), { accounts: [account] }),
      )
      const replica = scope.use(
        await startEngine(
          'postgres',
          { provider: 'embedded', settings: {}, upstream: primary },
          context(`on-${account}`),
        ),
      )
      await primary.control.execute('CREATE TABLE a AS SELECT 1 AS x', never)
      await until('it follows', async () => (await countOn(replica)) === 1)
    },
  )
})
