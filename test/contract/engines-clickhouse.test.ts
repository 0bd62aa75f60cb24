import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbeddedClickHouse } from '../../src/engines/clickhouse/embedded.ts'
import { clickHouseFacts, clickHouseLabel } from '../../src/engines/clickhouse/facts.ts'
import { ClickHouseHttp } from '../../src/engines/clickhouse/http.ts'
import type { EngineContext, RunningEngine } from '../../src/engines/engine.ts'
import { rowOf } from '../../src/kit/process-table.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-ch-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const signal = new AbortController().signal

function context(name: string): EngineContext {
  const dataDir = join(base, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(base, 'logs')
  return { dataDir, logDir, name, runId: 'test', signal, log: () => undefined }
}

async function query(engine: RunningEngine<'clickhouse'>, sql: string): Promise<string> {
  await using http = new ClickHouseHttp(engine.addressFor('harness'))
  return await http.text(sql, { signal })
}

const alive = (pids: readonly number[]) => pids.filter((pid) => rowOf(pid)?.zombie === false)

describe('an embedded ClickHouse', () => {
  let engine: RunningEngine<'clickhouse'>
  beforeAll(async () => {
    engine = await startEmbeddedClickHouse(
      { max_threads: '1', parts_to_throw_insert: '777', background_pool_size: '3' },
      context('shared'),
    )
  })
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
  })

  it('calls itself clickhouse-local', () => {
    expect(engine.label).toMatch(/^clickhouse-local 26\.7\.\d+$/)
  })

  it('is found to be no server by what it does, on whatever port it answers', async () => {
    await using http = new ClickHouseHttp(engine.addressFor('harness'))
    const facts = await clickHouseFacts(http, 'headroom', signal)
    expect(facts).toEqual({
      server: 'no',
      asynchronousMetrics: 'no',
      asyncInsert: 'no',
      keeper: 'no',
    })
    expect(clickHouseLabel('26.7.3.1', facts)).toBe('clickhouse-local 26.7.3')
    expect(clickHouseLabel('26.7.3.1', { ...facts, server: 'yes' })).toBe('clickhouse 26.7.3')
    // What a user may not ask is not held against his server.
    expect(clickHouseLabel('26.7.3.1', { ...facts, server: 'not known' })).toBe('clickhouse 26.7.3')
    expect(await query(engine, 'SHOW TABLES')).toBe('')
  })

  it('puts each setting where ClickHouse keeps it', async () => {
    expect(
      await query(engine, `SELECT value FROM system.settings WHERE name = 'max_threads'`),
    ).toBe('1')
    expect(
      await query(
        engine,
        `SELECT value FROM system.merge_tree_settings WHERE name = 'parts_to_throw_insert'`,
      ),
    ).toBe('777')
    expect(
      await query(
        engine,
        `SELECT value FROM system.server_settings WHERE name = 'background_pool_size'`,
      ),
    ).toBe('3')
    expect(engine.settings).toMatchObject({
      max_threads: '1',
      parts_to_throw_insert: '777',
      background_pool_size: '3',
    })
    expect(JSON.stringify(engine.settings)).not.toContain(base)
  })

  it('runs scripts of several statements in a database of its own', async () => {
    await engine.control.execute(
      `-- a comment; with a semicolon
       CREATE TABLE t (s String) ENGINE = MergeTree ORDER BY s; /* another; */ INSERT INTO t VALUES ('a;b');`,
      signal,
    )
    expect(await query(engine, 'SELECT * FROM t')).toBe('a;b')
    expect(await query(engine, 'SELECT currentDatabase()')).toBe('headroom')
    await engine.control.checkpoint(signal)
    await expect(engine.control.execute('SELECT nonsense', signal)).rejects.toThrow(/nonsense/)
  })

  // A writer repeats an insert under its deduplication token: half of the first attempt would hide the other half.
  it('stores nothing of an insert whose body breaks off between two rows', async () => {
    await engine.control.execute(
      'CREATE TABLE broken (x UInt64) ENGINE = MergeTree ORDER BY x',
      signal,
    )
    const { url, user, password } = engine.addressFor('harness')
    const { hostname, port } = new URL(url)
    const asked = new URLSearchParams({
      database: 'headroom',
      query: 'INSERT INTO broken FORMAT JSONEachRow',
    })
    const secret = password === undefined ? '' : `x-clickhouse-key: ${password}\r\n`
    const piece = Array.from({ length: 5_000 }, (_, x) => `{"x":${String(x)}}\n`).join('')
    const socket = connect(Number(port), hostname)
    socket.write(
      `POST /?${asked.toString()} HTTP/1.1\r\nhost: x\r\nx-clickhouse-user: ${user}\r\n${secret}` +
        `transfer-encoding: chunked\r\n\r\n${piece.length.toString(16)}\r\n${piece}\r\n`,
    )
    socket.end()
    const [answer] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 [45]/)
    expect(await query(engine, 'SELECT count() FROM broken')).toBe('0')
  })

  it('listens on loopback only', async () => {
    const { url } = engine.addressFor('service')
    const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0')
    const listening = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .filter((line) => line.includes(`:${port} `) && line.includes(' 0A '))
    expect(listening.length).toBe(1)
    expect(listening[0]).toContain(`0100007F:${port}`)
  })
})

describe('starting and stopping', () => {
  it('leaves neither a process nor data, and stops by itself', async () => {
    const where = context('brief')
    const engine = await startEmbeddedClickHouse({}, where)
    const pids = engine.parts.flatMap((part) => part.pids())
    expect(pids.length).toBe(1)
    await engine[Symbol.asyncDispose]()
    expect(alive(pids)).toEqual([])
    expect(existsSync(where.dataDir)).toBe(false)
  })

  it('keeps every acknowledged row over kill -9, and does not call that a crash', async () => {
    const engine = await startEmbeddedClickHouse({}, context('killed'))
    try {
      let crash = ''
      void engine.crashed.then((sentence) => (crash = sentence))
      await engine.control.execute(
        'CREATE TABLE t (x UInt64) ENGINE = MergeTree ORDER BY x',
        signal,
      )
      for (let round = 0; round < 10; round++) {
        await query(engine, `INSERT INTO t SELECT number FROM numbers(${String(round * 100)}, 100)`)
      }
      const before = engine.parts[0]?.pids() ?? []
      await engine.parts[0]?.fault('kill')
      expect(alive(before)).toEqual([])
      await engine.parts[0]?.fault('restart')
      expect(await query(engine, 'SELECT count(), uniqExact(x) FROM t')).toBe('1000\t1000')
      expect(crash).toBe('')
    } finally {
      await engine[Symbol.asyncDispose]()
    }
  })

  it('freezes and thaws', async () => {
    const engine = await startEmbeddedClickHouse({}, context('frozen'))
    try {
      await engine.parts[0]?.fault('freeze')
      const pending = query(engine, 'SELECT 1')
      const first = await Promise.race([
        pending,
        new Promise((resolve) => setTimeout(resolve, 300, 'no answer')),
      ])
      expect(first).toBe('no answer')
      await engine.parts[0]?.fault('thaw')
      expect(await pending).toBe('1')
    } finally {
      await engine[Symbol.asyncDispose]()
    }
  })

  it('is taken down though it is frozen and readers wait for it', async () => {
    const engine = await startEmbeddedClickHouse({}, context('stuck'))
    const waiting = engine.probes.map((probe) => probe.sample(signal).catch(() => 'cut'))
    await Promise.all(waiting)
    await engine.parts[0]?.fault('freeze')
    const cut = Promise.all(engine.probes.map((probe) => probe.sample(signal).catch(() => 'cut')))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const pids = engine.parts[0]?.pids() ?? []
    expect(pids.length).toBeGreaterThan(0)
    await engine[Symbol.asyncDispose]()
    expect(alive(pids)).toEqual([])
    expect(new Set(await cut)).toEqual(new Set(['cut']))
  })

  it('tells when it dies by itself', async () => {
    const engine = await startEmbeddedClickHouse({}, context('dying'))
    const [pid = 0] = engine.parts[0]?.pids() ?? []
    process.kill(pid, 'SIGKILL')
    expect(await engine.crashed).toContain('dying ended by SIGKILL')
    await engine[Symbol.asyncDispose]()
  })

  it('refuses settings that are none and leaves nothing', async () => {
    const where = context('refused')
    await expect(startEmbeddedClickHouse({ no_such_setting: '1' }, where)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('no_such_setting') as string,
    })
    await expect(startEmbeddedClickHouse({ async_insert: '1' }, where)).rejects.toThrow(/no effect/)
    await expect(startEmbeddedClickHouse({ listen_host: '0.0.0.0' }, where)).rejects.toThrow(
      /set by Headroom/,
    )
    expect(existsSync(where.dataDir)).toBe(false)
  })

  it('says which port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = String((server.address() as AddressInfo).port)
    await expect(
      startEmbeddedClickHouse({ http_port: port }, context('taken')),
    ).rejects.toMatchObject({
      code: 'PORT_TAKEN',
    })
    server.close()
  })
})
