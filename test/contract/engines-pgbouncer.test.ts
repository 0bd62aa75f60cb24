import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineContext, PostgresAddress, RunningEngine } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import {
  iniText,
  poolerSettings,
  requirePreparedStatements,
  settingsFor,
} from '../../src/engines/pgbouncer/settings.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { rowOf } from '../../src/kit/process-table.ts'
import { textsOf } from '../fixtures/left-behind.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-pgbouncer-'))
chmodSync(base, 0o755)
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const never = new AbortController().signal
const isMissing = findProgram('pgbouncer') === null && !process.env['HEADROOM_REQUIRE_ALL']

function context(name: string, parent = base): EngineContext {
  const dataDir = join(parent, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(parent, 'logs')
  return { dataDir, logDir, name, runId: 'test', signal: never, log: () => undefined }
}

async function open(address: PostgresAddress): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(address))
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function query(address: PostgresAddress, sql: string): Promise<unknown[]> {
  const client = await open(address)
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

const alive = (pids: readonly number[]) => pids.filter((pid) => rowOf(pid)?.zombie === false)

const figures = async (
  engine: RunningEngine<'pgbouncer'>,
): Promise<ReadonlyMap<string, number>> => {
  const samples = await Promise.all(engine.probes.map((probe) => probe.sample(never)))
  return new Map(samples.flat().map(({ metric, value }) => [metric, value]))
}

describe.skipIf(isMissing)(
  'PgBouncer before a PostgreSQL (headroom engines install pgbouncer)',
  () => {
    let server: RunningEngine<'postgres'>
    let pooler: RunningEngine<'pgbouncer'>
    const start = (
      name: string,
      settings: Readonly<Record<string, string>> = {},
      parent = base,
    ): Promise<RunningEngine<'pgbouncer'>> =>
      startEngine(
        'pgbouncer',
        { provider: 'embedded', settings, upstream: server },
        context(name, parent),
      )
    beforeAll(async () => {
      const request = { provider: 'embedded', settings: { max_connections: '40' } } as const
      server = await startEngine('postgres', request, context('server'))
      pooler = await start('pooler', { default_pool_size: '4' })
    })
    afterAll(async () => {
      await pooler[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    })

    it('says what it is and which settings differ from its defaults', () => {
      expect(pooler.label).toMatch(/^pgbouncer 1\.\d+(\.\d+)?$/)
      expect(pooler.settings).toMatchObject({ pool_mode: 'transaction', default_pool_size: '4' })
      expect(JSON.stringify(pooler.settings)).not.toContain(base)
      expect(JSON.stringify(pooler.settings)).not.toContain('headroom')
    })

    it('carries many clients over few connections, and keeps their named statements', async () => {
      const clients = await Promise.all(
        Array.from({ length: 60 }, () => open(pooler.addressFor('service'))),
      )
      try {
        for (let round = 0; round < 3; round++) {
          const answers = await Promise.all(
            clients.map((client, n) =>
              client.query<{ n: number }>({
                name: 'say',
                text: 'SELECT $1::int AS n',
                values: [n],
              }),
            ),
          )
          expect(answers.map(({ rows }) => rows[0]?.n)).toEqual(clients.map((_, n) => n))
        }
        const [used] = await query(
          server.addressFor('harness'),
          `SELECT count(*)::int AS n FROM pg_stat_activity
          WHERE backend_type = 'client backend' AND application_name LIKE 'headroom%' AND pid <> pg_backend_pid()`,
        )
        // The pool's four, and the server's own readers.
        expect((used as { n: number }).n).toBeLessThan(10)
      } finally {
        await Promise.all(clients.map((client) => client.end()))
      }
    })

    it('hears a NOTIFY through its session pool, and not through the other', async () => {
      const heard = async (who: 'session' | 'service'): Promise<boolean> => {
        const listener = await open(pooler.addressFor(who))
        const other = await open(pooler.addressFor('service'))
        try {
          let told = false
          listener.on('notification', () => (told = true))
          if (who === 'session') await listener.query('LISTEN events')
          // In a transaction pool the next statement may run anywhere: what was said before is another's.
          else await expect(refusesSession(listener)).resolves.toBe(true)
          await other.query(`NOTIFY events, 'x'`)
          await new Promise((resolve) => setTimeout(resolve, 200))
          return told
        } finally {
          await listener.end()
          await other.end()
        }
      }
      expect(await heard('session')).toBe(true)
      expect(await heard('service')).toBe(false)
    })

    it('lets every listener listen, also when they are more than a pool has connections', async () => {
      const listeners = await Promise.all(
        Array.from({ length: 7 }, () => open(pooler.addressFor('session'))),
      )
      const teller = await open(pooler.addressFor('service'))
      try {
        const [listening, told] = [new Set<number>(), new Set<number>()]
        for (const [n, listener] of listeners.entries()) {
          listener.on('notification', () => told.add(n))
          // One that has to wait for a connection is only answered when another leaves.
          listener.query('LISTEN many').then(
            () => listening.add(n),
            () => undefined,
          )
        }
        await expect.poll(() => listening.size, { timeout: 5_000 }).toBe(listeners.length)
        await teller.query(`NOTIFY many, 'x'`)
        await expect.poll(() => told.size, { timeout: 5_000 }).toBe(listeners.length)
      } finally {
        await Promise.all([...listeners, teller].map((client) => client.end()))
      }
    })

    /** Two clients of one transaction pool of one connection see each other's session. */
    async function refusesSession(client: pg.Client): Promise<boolean> {
      await client.query('LISTEN events')
      await client.query('UNLISTEN *')
      return true
    }

    it('shows who waits for a connection, and how long', async () => {
      const holders = await Promise.all(
        Array.from({ length: 4 }, () => open(pooler.addressFor('service'))),
      )
      const waiter = await open(pooler.addressFor('service'))
      try {
        for (const holder of holders) await holder.query('BEGIN')
        const waiting = waiter.query('SELECT 1')
        await new Promise((resolve) => setTimeout(resolve, 400))
        const during = await figures(pooler)
        expect(during.get('pooler.clientsWaiting')).toBe(1)
        expect(during.get('pooler.waitMaxMs')).toBeGreaterThan(200)
        expect(during.get('pooler.serversActive')).toBeGreaterThanOrEqual(4)
        for (const holder of holders) await holder.query('COMMIT')
        await waiting
        const after = await figures(pooler)
        expect(after.get('pooler.clientsWaiting')).toBe(0)
        expect(after.get('pooler.waitMs')).toBeGreaterThan(30)
        expect(after.get('pooler.transactions')).toBeGreaterThan(4)
      } finally {
        await Promise.all([...holders, waiter].map((client) => client.end()))
      }
    })

    it('lets nobody in without the password, and the service not to its console', async () => {
      const address = pooler.addressFor('service')
      await expect(query({ ...address, password: 'guess' }, 'SELECT 1')).rejects.toThrow()
      await expect(query({ ...address, database: 'pgbouncer' }, 'SHOW POOLS')).rejects.toThrow()
      const secrets = [address.password ?? '', server.addressFor('harness').password ?? '']
      expect(secrets.every((secret) => secret.length > 20)).toBe(true)
      expect(secrets[0]).not.toBe(secrets[1])
      const holding = readdirSync(base, { recursive: true, encoding: 'utf8' })
        .map((name) => join(base, name))
        .filter((file) => statSync(file).isFile())
        .filter((file) => secrets.some((secret) => readFileSync(file, 'latin1').includes(secret)))
      expect(holding.length).toBeGreaterThan(0)
      for (const file of holding) expect(statSync(file).mode & 0o077, file).toBe(0)
      const commands = pooler.parts.flatMap((part) => textsOf(part.pids()))
      expect(commands.length).toBeGreaterThan(0)
      const telling = commands.filter((text) => secrets.some((secret) => text.includes(secret)))
      expect(telling).toEqual([])
    })

    it('takes orders at its console', async () => {
      await pooler.control.execute('PAUSE\n', never)
      const pending = query(pooler.addressFor('service'), 'SELECT 1 AS one')
      const first = await Promise.race([
        pending,
        new Promise((resolve) => setTimeout(resolve, 300, 'paused')),
      ])
      expect(first).toBe('paused')
      await pooler.control.execute('RESUME', never)
      expect(await pending).toEqual([{ one: 1 }])
      expect(await pooler.control.checkpoint(never)).toBe('nothing-to-do')
    })

    it('comes back on the same port after kill -9, and does not call that a crash', async () => {
      const engine = await start('killed')
      let crash = ''
      void engine.crashed.then((sentence) => (crash = sentence))
      await figures(engine)
      const [part] = engine.parts
      const before = part!.pids()
      expect(alive(before)).toHaveLength(1)
      await part!.fault('kill')
      expect(alive(before)).toEqual([])
      await expect(query(engine.addressFor('service'), 'SELECT 1')).rejects.toThrow()
      await expect(figures(engine)).rejects.toThrow()
      await part!.fault('restart')
      expect(await query(engine.addressFor('service'), 'SELECT 2 AS two')).toEqual([{ two: 2 }])
      expect((await figures(engine)).has('pooler.clientsWaiting')).toBe(true)
      expect(crash).toBe('')
      const pids = part!.pids()
      await engine[Symbol.asyncDispose]()
      expect(alive(pids)).toEqual([])
      expect(existsSync(join(base, 'killed-data'))).toBe(false)
      expect(existsSync(join(base, 'logs', 'killed.log'))).toBe(true)
    })

    it('freezes, thaws, and is taken down though it is frozen', async () => {
      const engine = await start('frozen')
      const [part] = engine.parts
      await part!.fault('freeze')
      const pending = query(engine.addressFor('service'), 'SELECT 1 AS one')
      const first = await Promise.race([
        pending,
        new Promise((resolve) => setTimeout(resolve, 300, 'no answer')),
      ])
      expect(first).toBe('no answer')
      await part!.fault('thaw')
      expect(await pending).toEqual([{ one: 1 }])
      await part!.fault('freeze')
      const pids = part!.pids()
      await engine[Symbol.asyncDispose]()
      expect(alive(pids)).toEqual([])
    })

    it('tells when it dies by itself', async () => {
      await using engine = await start('dying')
      process.kill(engine.parts[0]!.pids()[0]!, 'SIGKILL')
      expect(await engine.crashed).toMatch(/^dying ended/)
    })

    it('runs where only root can look', async () => {
      const closed = mkdtempSync(join(base, 'closed-'))
      chmodSync(closed, 0o700)
      await using engine = await start('inside', {}, closed)
      expect(await query(engine.addressFor('service'), 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    })

    it('says which setting it refuses, and which are not a target’s to set', async () => {
      await expect(start('wrong', { pool_mode: 'sometimes' })).rejects.toMatchObject({
        code: 'BAD_INPUT',
      })
      await expect(start('unknown', { pool_modes: 'session' })).rejects.toMatchObject({
        code: 'BAD_INPUT',
      })
      await expect(start('reserved', { auth_type: 'trust' })).rejects.toThrow(/drawn for the run/)
      const { port } = pooler.addressFor('service')
      await expect(start('taken', { listen_port: String(port) })).rejects.toMatchObject({
        code: 'PORT_TAKEN',
      })
      const alone = startEngine(
        'pgbouncer',
        { provider: 'embedded', settings: {} },
        context('alone'),
      )
      await expect(alone).rejects.toThrow(/in front of a PostgreSQL/)
    })
  },
)

it('a PgBouncer that loses named statements is refused where that matters', () => {
  expect(() => poolerSettings({ max_prepared_statements: '0' })).toThrow(/loses named prepared/)
  poolerSettings({ max_prepared_statements: '0', pool_mode: 'session' })
  const transaction = { pool_mode: 'transaction' }
  expect(() => {
    requirePreparedStatements('1.18.0', transaction)
  }).toThrow(/1\.18\.0 loses named prepared statements/)
  requirePreparedStatements('1.18.0', { pool_mode: 'session' })
  requirePreparedStatements('1.21.0', transaction)
  requirePreparedStatements('2.0.0', transaction)
})

it('a setting that only later versions know is written for those alone', () => {
  const { settings } = poolerSettings({ pool_mode: 'session' })
  const written = (version: string, asked = settings): string =>
    iniText('', settingsFor(version, asked))
  for (const version of ['1.18.0', '1.20.1', '1.9']) {
    expect(written(version), version).not.toContain('max_prepared_statements')
    expect(written(version), version).toContain('pool_mode = session\n')
  }
  for (const version of ['1.21.0', '1.24.1', '2.0.0']) {
    expect(written(version), version).toContain('max_prepared_statements = 200\n')
  }
  const fewer = poolerSettings({ max_prepared_statements: '5' }).settings
  expect(written('1.21.0', fewer)).toContain('max_prepared_statements = 5\n')
  // What a target asks for itself is handed on, and refused by the program in its own words.
  expect(written('1.18.0', fewer)).toContain('max_prepared_statements = 5\n')
})
