import { readFileSync, readdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ComposeProject } from '../../src/engines/compose/project.ts'
import { RUN_LABEL } from '../../src/engines/compose/override.ts'
import type { EngineContext, EngineKind, RunningEngine } from '../../src/engines/engine.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { ClickHouseHttp } from '../../src/engines/clickhouse/http.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { docker, leftOf, withoutDocker } from './docker-here.ts'
import { textsOf } from '../fixtures/left-behind.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-compose-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const signal = new AbortController().signal
const said: string[] = []

describe.skipIf(withoutDocker !== null)(
  `engines in containers (${withoutDocker ?? 'here'})`,
  () => {
    let project: ComposeProject
    let logDir: string
    let dataDir: string

    beforeEach(async () => {
      const dir = mkdtempSync(join(base, 'run-'))
      logDir = join(dir, 'logs')
      dataDir = join(dir, 'data')
      project = await ComposeProject.open({
        ...{ runId: 'Engines/01 test', dataDir, logDir, servicesInside: true, signal },
        log: (line) => said.push(line),
      })
    })
    afterEach(async () => {
      await project[Symbol.asyncDispose]()
      expect(await leftOf(project.name)).toEqual([])
    })

    async function start<Kind extends EngineKind>(
      kind: Kind,
      settings: Readonly<Record<string, string>> = {},
      standing?: { readonly name: string; readonly upstream: RunningEngine },
    ): Promise<RunningEngine<Kind>> {
      const context: EngineContext = {
        ...{ dataDir, logDir, name: standing?.name ?? kind, runId: 'engines', signal },
        log: (line) => said.push(line),
      }
      const on = standing === undefined ? {} : { upstream: standing.upstream }
      return await startEngine<Kind>(
        kind,
        { provider: 'compose', settings, project, ...on },
        context,
      )
    }

    const select = (engine: RunningEngine<'postgres'>, sql: string) =>
      withClient(engine.addressFor('harness'), signal, async (client) => {
        const { rows } = await client.query<{ value: string }>(sql)
        return rows[0]?.value
      })

    it('starts PostgreSQL on loopback with the settings asked for, and says what it is', async () => {
      await using engine = await start('postgres', { work_mem: '7MB', commit_delay: '1000' })
      expect(engine.label).toMatch(/^postgres 18\.\d+ \(compose, postgres:18\.6\)$/)
      expect(engine.provider).toBe('compose')
      expect(engine.image?.id).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(engine.facts?.['lz4']).toMatch(/^(yes|no)$/)
      expect(engine.settings).toMatchObject({ work_mem: '7MB', commit_delay: '1000' })
      expect(engine.addressFor('service')).toMatchObject({ host: 'postgres', port: 5432 })
      expect(engine.addressFor('harness').host).toBe('127.0.0.1')
      for (const probe of engine.probes) await probe.sample(signal)
      const ports = await docker([
        ...['ps', '--filter', `label=${RUN_LABEL}=${project.name}`, '--format', '{{.Ports}}'],
      ])
      expect(ports.trim()).toMatch(/^127\.0\.0\.1:\d+->5432\/tcp$/)
    })

    it('keeps its password out of files, arguments and logs', async () => {
      await using engine = await start('postgres')
      const { password } = engine.addressFor('harness')
      expect(password?.length).toBeGreaterThan(20)
      const texts = [dataDir, logDir].flatMap((dir) =>
        readdirSync(dir, { recursive: true, encoding: 'utf8' })
          .map((name) => join(dir, name))
          .filter((file) => statSync(file).isFile())
          .map((file) => readFileSync(file, 'utf8')),
      )
      const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
      texts.push(...textsOf(processes))
      expect(texts.filter((text) => text.includes(password ?? ''))).toEqual([])
      expect(said.join('\n')).not.toContain(password)
      expect(statSync(join(dataDir, 'docker-compose.override.json')).mode & 0o777).toBe(0o600)
    })

    it('dies, freezes and comes back on the same port with its data', async () => {
      await using engine = await start('postgres')
      const [part] = engine.parts
      if (part === undefined) throw new Error('no part')
      let crashed = ''
      void engine.crashed.then((sentence) => (crashed = sentence))
      expect(part.pids().length).toBeGreaterThan(3)
      await engine.control.execute('CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)', signal)

      await part.fault('kill')
      expect(part.pids()).toEqual([])
      await expect(select(engine, 'SELECT 1')).rejects.toThrow('cannot be reached')
      await part.fault('restart')
      expect(await select(engine, 'SELECT x AS value FROM kept')).toBe(7)
      expect(part.pids().length).toBeGreaterThan(3)

      await part.fault('freeze')
      let answered = false
      const answer = select(engine, 'SELECT 1 AS value').then(() => (answered = true))
      await new Promise((resolve) => setTimeout(resolve, 700))
      expect(answered).toBe(false)
      await part.fault('thaw')
      await answer
      await part.fault('freeze')
      await part.fault('restart')
      expect(await select(engine, 'SELECT x AS value FROM kept')).toBe(7)
      expect(crashed).toBe('')
      // The log of every life is kept.
      const log = readFileSync(join(logDir, 'postgres.log'), 'utf8')
      expect(log.match(/ready to accept connections/g)?.length).toBeGreaterThanOrEqual(3)
    })

    it('tells when a container dies unasked, with its last words', async () => {
      await using engine = await start('postgres')
      const ids = await docker(['ps', '--quiet', '--filter', `label=${RUN_LABEL}=${project.name}`])
      await docker(['kill', '--signal', 'QUIT', ids.trim()])
      expect(await engine.crashed).toMatch(/^postgres ended with exit code \d+: .*shut/)
    })

    it('starts two replicas of one server, each with data of its own and called by its role', async () => {
      await using upstream = await start('postgres', { max_wal_senders: '5' })
      await using first = await start('postgres', {}, { name: 'replica-1', upstream })
      await using second = await start('postgres', {}, { name: 'replica-2', upstream })
      expect([first, second].map((engine) => engine.addressFor('service').host)).toEqual([
        'postgres-replica',
        'postgres-replica-2',
      ])
      const standbys = `SELECT string_agg(application_name || ' ' || slot_name, ', ' ORDER BY slot_name) AS value
        FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid WHERE state = 'streaming'`
      await expect
        .poll(() => select(upstream, standbys))
        .toBe('replica-1 headroom_replica_1, replica-2 headroom_replica_2')
      await upstream.control.execute('CREATE TABLE copied (x int)', signal)
      for (const replica of [first, second]) {
        await expect
          .poll(() => select(replica, `SELECT to_regclass('copied')::text AS value`))
          .toBe('copied')
      }
      // One that dies takes nobody with it, and comes back to its own data.
      await second.parts[0]?.fault('kill')
      expect(await select(first, 'SELECT pg_is_in_recovery() AS value')).toBe(true)
      await second.parts[0]?.fault('restart')
      expect(await select(second, `SELECT to_regclass('copied')::text AS value`)).toBe('copied')
    })

    it('says which setting PostgreSQL refuses', async () => {
      await expect(start('postgres', { work_mem: 'much' })).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: expect.stringContaining('invalid value for parameter "work_mem"'),
      })
      await expect(start('postgres', { ssl: 'on' })).rejects.toMatchObject({ code: 'BAD_INPUT' })
    })

    it('starts ClickHouse with settings in their places, and asks it what it really is', async () => {
      await using engine = await start('clickhouse', {
        max_threads: '3',
        min_bytes_for_wide_part: '1048577',
      })
      const real = engine.facts?.['server'] === 'yes'
      expect(engine.label).toMatch(
        new RegExp(
          `^clickhouse${real ? '' : '-local'} \\d+\\.\\d+\\.\\d+ \\(compose, clickhouse/clickhouse-server:26\\.7\\)$`,
        ),
      )
      expect(engine.settings).toMatchObject({
        max_threads: '3',
        min_bytes_for_wide_part: '1048577',
      })
      expect(engine.addressFor('service').url).toBe('http://clickhouse:8123')
      await using http = new ClickHouseHttp(engine.addressFor('harness'))
      expect(await http.text('SHOW TABLES', { signal })).toBe('')
      await using wrong = new ClickHouseHttp({ ...engine.addressFor('harness'), password: 'wrong' })
      await expect(wrong.text('SELECT 1', { signal })).rejects.toMatchObject({
        code: 'ENGINE_AUTH_FAILED',
      })

      await engine.control.execute('CREATE TABLE t (x Int8) ENGINE = MergeTree ORDER BY x', signal)
      await engine.control.execute('INSERT INTO t VALUES (5)', signal)
      await engine.parts[0]?.fault('kill')
      expect(engine.parts[0]?.pids()).toEqual([])
      await engine.parts[0]?.fault('restart')
      expect(await http.text('SELECT x FROM t', { signal })).toBe('5')
      await expect(start('clickhouse', { no_such_setting: '1' })).rejects.toMatchObject({
        code: 'BAD_INPUT',
      })
    })
  },
)
