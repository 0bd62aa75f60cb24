import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineContext, PostgresAddress, RunningEngine } from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEmbeddedPostgres } from '../../src/engines/postgres/embedded.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { rowOf } from '../../src/kit/process-table.ts'
import { isReadableByAll } from '../fixtures/readable.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-pg-'))
chmodSync(base, 0o755)
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const never = new AbortController().signal

function context(name: string, parent = base): EngineContext {
  const dataDir = join(parent, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(parent, 'logs')
  return { dataDir, logDir, name, runId: 'test', signal: never, log: () => undefined }
}

async function query(address: PostgresAddress, sql: string): Promise<unknown[]> {
  const client = new pg.Client(clientConfig(address))
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

const alive = (pids: readonly number[]) => pids.filter((pid) => rowOf(pid)?.zombie === false)

describe('an embedded PostgreSQL', () => {
  let engine: RunningEngine<'postgres'>
  beforeAll(async () => {
    engine = await startEmbeddedPostgres({ work_mem: '8MB' }, context('shared'))
  })
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
  })

  it('says what it is and which settings differ from its defaults', () => {
    expect(engine.label).toMatch(/^postgres 18\.\d+$/)
    expect(engine.settings).toMatchObject({ work_mem: '8MB', max_connections: '200' })
    expect(JSON.stringify(engine.settings)).not.toContain(base)
  })

  it('is durable unless the target says otherwise', async () => {
    const address = engine.addressFor('harness')
    expect(await query(address, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
    expect(await query(address, 'SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }])
    expect(await query(address, 'SHOW full_page_writes')).toEqual([{ full_page_writes: 'on' }])
  })

  it('lets nobody in without the password', async () => {
    const address = { ...engine.addressFor('harness'), password: 'guess' }
    await expect(query(address, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
  })

  it('checkpoints when asked and runs scripts of several statements', async () => {
    await engine.control.execute('CREATE TABLE a (x int); INSERT INTO a VALUES (7);', never)
    await engine.control.checkpoint(never)
    expect(await query(engine.addressFor('service'), 'SELECT x FROM a')).toEqual([{ x: 7 }])
    await expect(engine.control.execute('SELECT nonsense', never)).rejects.toThrow(/nonsense/)
  })
})

describe('starting and stopping', () => {
  it('leaves neither a process nor data, and keeps the log', async () => {
    const where = context('brief')
    const engine = await startEmbeddedPostgres({}, where)
    const pids = engine.parts.flatMap((part) => part.pids())
    expect(pids.length).toBeGreaterThan(3)
    await engine[Symbol.asyncDispose]()
    expect(alive(pids)).toEqual([])
    expect(existsSync(where.dataDir)).toBe(false)
    expect(readFileSync(join(where.logDir, 'brief.log'), 'utf8')).toContain(
      'database system is shut down',
    )
  })

  it('keeps committed rows over kill -9 of its whole tree, and does not call that a crash', async () => {
    const engine = await startEmbeddedPostgres({}, context('killed'))
    try {
      let crash = ''
      void engine.crashed.then((sentence) => (crash = sentence))
      await engine.control.execute('CREATE TABLE a (x int)', never)
      await query(engine.addressFor('service'), 'INSERT INTO a SELECT generate_series(1, 1000)')
      const part = engine.parts[0]
      const before = part?.pids() ?? []
      await part?.fault('kill')
      expect(alive(before)).toEqual([])
      expect(part?.pids()).toEqual([])
      await part?.fault('restart')
      expect(await query(engine.addressFor('service'), 'SELECT count(*)::int AS n FROM a')).toEqual(
        [{ n: 1000 }],
      )
      expect(crash).toBe('')
    } finally {
      await engine[Symbol.asyncDispose]()
    }
  })

  it('freezes and thaws', async () => {
    const engine = await startEmbeddedPostgres({}, context('frozen'))
    try {
      await engine.parts[0]?.fault('freeze')
      const pending = query(engine.addressFor('service'), 'SELECT 1 AS one')
      const first = await Promise.race([
        pending,
        new Promise((resolve) => setTimeout(resolve, 300, 'no answer')),
      ])
      expect(first).toBe('no answer')
      await engine.parts[0]?.fault('thaw')
      expect(await pending).toEqual([{ one: 1 }])
    } finally {
      await engine[Symbol.asyncDispose]()
    }
  })

  it('is taken down though it is frozen and readers wait for it', async () => {
    const engine = await startEmbeddedPostgres({}, context('stuck'))
    const waiting = engine.probes.map((probe) => probe.sample(never).catch(() => 'cut'))
    await Promise.all(waiting)
    await engine.parts[0]?.fault('freeze')
    const cut = Promise.all(engine.probes.map((probe) => probe.sample(never).catch(() => 'cut')))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const pids = engine.parts[0]?.pids() ?? []
    expect(pids.length).toBeGreaterThan(0)
    await engine[Symbol.asyncDispose]()
    expect(alive(pids)).toEqual([])
    expect(new Set(await cut)).toEqual(new Set(['cut']))
  })

  it('tells when it dies by itself', async () => {
    const engine = await startEmbeddedPostgres({}, context('dying'))
    const [postmaster = 0] = engine.parts[0]?.pids() ?? []
    process.kill(postmaster, 'SIGKILL')
    expect(await engine.crashed).toContain('dying ended by SIGKILL')
    await engine[Symbol.asyncDispose]()
  })

  it('refuses settings that are none, at the door or in the server’s own words, and leaves nothing', async () => {
    const where = context('refused')
    await expect(startEmbeddedPostgres({ 'not a name': '1' }, where)).rejects.toMatchObject({
      code: 'BAD_INPUT',
    })
    await expect(startEmbeddedPostgres({ listen_addresses: '*' }, where)).rejects.toThrow(
      /set by Headroom/,
    )
    await expect(startEmbeddedPostgres({ no_such_setting: '1' }, where)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('no_such_setting') as string,
    })
    await expect(startEmbeddedPostgres({ work_mem: 'lots' }, where)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('work_mem') as string,
    })
    expect(existsSync(where.dataDir)).toBe(false)
  })

  it('says which port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = String((server.address() as AddressInfo).port)
    await expect(startEmbeddedPostgres({ port }, context('taken'))).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(port) as string,
    })
    server.close()
  })
})

const asRoot = process.getuid?.() === 0
describe.runIf(asRoot)('as root', () => {
  for (const account of ['dropped', 'namespace', 'copied'] as const) {
    it(`runs ${account} and cleans up`, async ({ skip }) => {
      const isDropped = account === 'dropped'
      skip(isDropped && !isReadableByAll(packageRoot), 'only root can read this checkout')
      // Only root can look into this folder; `dropped` needs one that everybody can pass through.
      const parent = isDropped ? base : mkdtempSync(join(base, 'private-'))
      const outside = () =>
        readdirSync(tmpdir()).filter((name) => name.startsWith('headroom-postgres-'))
      const before = outside()
      const engine = await startEmbeddedPostgres({}, context(account, parent), {
        accounts: [account],
      })
      await engine.control.execute('CREATE TABLE a (x int)', never)
      await engine.parts[0]?.fault('restart')
      expect(await query(engine.addressFor('service'), 'SELECT count(*)::int AS n FROM a')).toEqual(
        [{ n: 0 }],
      )
      await engine[Symbol.asyncDispose]()
      expect(outside()).toEqual(before)
    })
  }

  it('finds a way into a folder that only root can read', async () => {
    const parent = mkdtempSync(join(base, 'private-'))
    const engine = await startEmbeddedPostgres({}, context('private', parent))
    expect(engine.parts[0]?.pids().length).toBeGreaterThan(3)
    await engine[Symbol.asyncDispose]()
  })
})
