import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineContext, RunningEngine } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import type { RedisAddress } from '../../src/engines/redis/address.ts'
import { withRedis } from '../../src/engines/redis/connection.ts'
import { cleanServers } from '../../src/engines/own-leftovers.ts'
import { noteOnServer, serverLedgerDir } from '../../src/kit/server-ledger.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { rowOf } from '../../src/kit/process-table.ts'
import { textsOf } from '../fixtures/left-behind.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-redis-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const never = new AbortController().signal
const isMissing = findProgram('redis') === null && !process.env['HEADROOM_REQUIRE_ALL']

const said: string[] = []
function context(name: string): EngineContext {
  const dataDir = join(base, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  return {
    ...{ dataDir, logDir: join(base, 'logs'), name, runId: 'test/01', signal: never },
    ledgerDir: serverLedgerDir(base),
    log: (line) => said.push(line),
  }
}

function start(
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningEngine<'redis'>> {
  return startEngine('redis', { provider: 'embedded', settings }, context(name))
}

const ask = <T>(
  engine: RunningEngine<'redis'>,
  use: Parameters<typeof withRedis<T>>[2],
): Promise<T> => withRedis(engine.addressFor('service'), never, use)

const alive = (pids: readonly number[]) => pids.filter((pid) => rowOf(pid)?.zombie === false)

const figures = async (engine: RunningEngine<'redis'>): Promise<ReadonlyMap<string, number>> => {
  const samples = await Promise.all(engine.probes.map((probe) => probe.sample(never)))
  return new Map(samples.flat().map(({ metric, value }) => [metric, value]))
}

describe.skipIf(isMissing)('an embedded Redis (headroom engines install redis)', () => {
  let engine: RunningEngine<'redis'>
  beforeAll(async () => {
    engine = await start('shared', { 'maxmemory-policy': 'allkeys-lru', maxmemory: '3mb' })
  })
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
  })

  it('says what it is and what decides what a write survives', () => {
    expect(engine.label).toMatch(/^redis \d+\.\d+\.\d+$/)
    expect(engine.settings).toMatchObject({
      appendonly: 'yes',
      appendfsync: 'everysec',
      maxmemory: String(3 * 2 ** 20),
      'maxmemory-policy': 'allkeys-lru',
    })
    expect(JSON.stringify(engine.settings)).not.toContain(base)
  })

  it('lets nobody in without the password, which is in no file and no argument', async () => {
    const { password = '', ...rest } = engine.addressFor('service')
    expect(password.length).toBeGreaterThan(20)
    await expect(withRedis(rest, never, (redis) => redis.get('x'))).rejects.toMatchObject({
      code: 'ENGINE_AUTH_FAILED',
    })
    const texts = readdirSync(base, { recursive: true, encoding: 'utf8' })
      .map((name) => join(base, name))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file, 'latin1'))
    const processes = engine.parts.flatMap((part) => textsOf(part.pids(), ['cmdline', 'environ']))
    expect(processes.length).toBeGreaterThan(1)
    expect([...texts, ...processes].filter((text) => text.includes(password))).toEqual([])
  })

  it('runs scripts, a command a line', async () => {
    await engine.control.execute('SET greeting "good day"\n\nINCRBY visits 7', never)
    expect(await ask(engine, (redis) => redis.mget('greeting', 'visits'))).toEqual([
      'good day',
      '7',
    ])
    expect(await engine.control.checkpoint(never)).toBe('nothing-to-do')
    await expect(engine.control.execute('NONSENSE', never)).rejects.toThrow(/NONSENSE/)
  })

  it('shows memory, commands, hits and what was thrown out', async () => {
    const before = await figures(engine)
    await ask(engine, async (redis) => {
      for (let key = 0; key < 40; key++) await redis.set(`big-${String(key)}`, 'x'.repeat(100_000))
      await redis.get('big-39')
      await redis.get('no such key')
    })
    const after = await figures(engine)
    const grown = (metric: string) => after.get(metric)! - before.get(metric)!
    expect(grown('redis.commands')).toBeGreaterThanOrEqual(42)
    expect(grown('redis.evictedKeys')).toBeGreaterThan(0)
    expect(after.get('redis.memoryBytes')).toBeGreaterThan(500_000)
    expect(after.get('redis.hitRatio')).toBe(0.5)
    expect(after.get('redis.delayedFsyncs')).toBeGreaterThanOrEqual(0)
  })
})

describe.skipIf(isMissing)('starting and stopping Redis', () => {
  it('leaves neither a process nor data, and keeps the log', async () => {
    const engine = await start('brief')
    const pids = engine.parts.flatMap((part) => part.pids())
    expect(alive(pids)).toHaveLength(1)
    await engine[Symbol.asyncDispose]()
    expect(alive(pids)).toEqual([])
    expect(existsSync(join(base, 'brief-data'))).toBe(false)
    expect(readFileSync(join(base, 'logs', 'brief.log'), 'utf8')).toContain('ready to exit')
  })

  it('keeps what was acknowledged over kill -9 where every write is flushed', async () => {
    await using engine = await start('killed', { appendfsync: 'always' })
    let crash = ''
    void engine.crashed.then((sentence) => (crash = sentence))
    await ask(engine, async (redis) => {
      for (let n = 0; n < 500; n++) await redis.rpush('log', String(n))
    })
    const [part] = engine.parts
    const before = part!.pids()
    await part!.fault('kill')
    expect(alive(before)).toEqual([])
    expect(part!.pids()).toEqual([])
    await expect(figures(engine)).rejects.toThrow()
    await part!.fault('restart')
    expect(await ask(engine, (redis) => redis.llen('log'))).toBe(500)
    expect((await figures(engine)).get('redis.memoryBytes')).toBeGreaterThan(0)
    expect(crash).toBe('')
  })

  it('forgets everything over kill -9 where it keeps no log', async () => {
    await using engine = await start('forgetful', { appendonly: 'no' })
    await ask(engine, (redis) => redis.set('a', '1'))
    await engine.parts[0]!.fault('restart')
    expect(await ask(engine, (redis) => redis.get('a'))).toBeNull()
    expect((await figures(engine)).has('redis.memoryBytes')).toBe(true)
  })

  it('freezes, thaws, and is taken down though it is frozen', async () => {
    const engine = await start('frozen')
    await figures(engine)
    await engine.parts[0]!.fault('freeze')
    const pending = ask(engine, (redis) => redis.ping())
    const first = await Promise.race([
      pending,
      new Promise((resolve) => setTimeout(resolve, 300, 'no answer')),
    ])
    expect(first).toBe('no answer')
    await engine.parts[0]!.fault('thaw')
    expect(await pending).toBe('PONG')
    await engine.parts[0]!.fault('freeze')
    const cut = figures(engine).then(
      () => 'answered',
      () => 'cut',
    )
    const pids = engine.parts[0]!.pids()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await engine[Symbol.asyncDispose]()
    expect(alive(pids)).toEqual([])
    expect(await cut).toBe('cut')
  })

  it('tells when it dies by itself', async () => {
    await using engine = await start('dying')
    process.kill(engine.parts[0]!.pids()[0]!, 'SIGSEGV')
    expect(await engine.crashed).toMatch(/^dying ended/)
  })

  it('says which setting it refuses, and which are not a target’s to set', async () => {
    await expect(start('wrong', { appendfsync: 'sometimes' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('appendfsync sometimes'),
    })
    await expect(start('reserved', { requirepass: 'x' })).rejects.toThrow(/drawn for the run/)
    const { port } = await ask(await kept(), (redis) => Promise.resolve(redis.options))
    await expect(start('taken', { port: String(port) })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
    })
  })

  let running: RunningEngine<'redis'> | null = null
  const kept = async () => (running ??= await start('kept'))
  afterAll(async () => {
    await running?.[Symbol.asyncDispose]()
  })

  it('of the user’s own is given keys of the run’s alone, and they go with it', async () => {
    const server = await kept()
    const address: RedisAddress = server.addressFor('harness')
    await ask(server, (redis) => redis.set('theirs', 'kept'))
    const settings = { appendfsync: 'always', maxmemory: '512mb' }
    const engine = await startEngine(
      'redis',
      { provider: 'external', settings, address },
      context('own'),
    )
    const { keyPrefix = '' } = engine.addressFor('service')
    expect(keyPrefix).toMatch(/^headroom_[a-z0-9_]+:$/)
    expect(engine.notes?.settingsNotInForce).toEqual([
      { name: 'appendfsync', asked: 'always', inForce: 'everysec' },
    ])
    await ask(server, async (redis) => {
      for (let n = 0; n < 2_500; n++) await redis.set(`${keyPrefix}${String(n)}`, 'x')
    })
    await engine[Symbol.asyncDispose]()
    expect(await ask(server, (redis) => redis.keys('*'))).toEqual(['theirs'])
  })

  it('of the user’s own is cleaned of what a killed run left, if it carries its mark', async () => {
    const server = await kept()
    const address: RedisAddress = server.addressFor('harness')
    const leave = async (name: string, mark: string): Promise<void> => {
      noteOnServer(serverLedgerDir(base), {
        ...{ runId: 'dead', kind: 'redis', where: 'default@127.0.0.1', what: 'keys', inside: null },
        ...{ name, mark: 'headroom dead' },
      })
      await ask(server, (redis) => redis.mset(`${name}:whose`, mark, `${name}:1`, 'x'))
    }
    await leave('headroom_dead_aa', 'headroom dead')
    await leave('headroom_dead_bb', 'somebody else')
    const ledger = serverLedgerDir(base)
    for (const file of readdirSync(ledger)) {
      const path = join(ledger, file)
      const entry = JSON.parse(readFileSync(path, 'utf8'))
      // Whoever wrote it is dead.
      entry.owner.start = 'long ago'
      writeFileSync(path, JSON.stringify(entry))
    }
    const reports = await cleanServers(base, { redis: address }, () => undefined)
    expect(reports.map(({ name, state }) => [name, state]).sort()).toEqual([
      ['headroom_dead_aa', 'dropped'],
      ['headroom_dead_bb', 'not-marked'],
    ])
    expect((await ask(server, (redis) => redis.keys('headroom_*'))).sort()).toEqual([
      'headroom_dead_bb:1',
      'headroom_dead_bb:whose',
    ])
  })
})
