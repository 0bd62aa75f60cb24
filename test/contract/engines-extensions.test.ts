/** PostgreSQL with extensions that npm does not bring, from what `headroom engines install` unpacked. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { EngineContext, EngineSettings, StoringEngine } from '../../src/engines/engine.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import type { EmbeddedOptions } from '../../src/engines/postgres/embedded.ts'
import { startEmbeddedPostgres } from '../../src/engines/postgres/embedded.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-extensions-'))
chmodSync(base, 0o755)
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const never = new AbortController().signal
const isRequired = process.env['HEADROOM_REQUIRE_ALL'] !== undefined

function context(name: string, parent = base): EngineContext {
  const dataDir = join(parent, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(parent, 'logs')
  return { dataDir, logDir, name, runId: 'test', signal: never, log: () => undefined }
}

interface Wish extends EmbeddedOptions {
  readonly settings?: EngineSettings
  readonly parent?: string
}

const start = (name: string, { settings = {}, parent, ...options }: Wish) =>
  startEmbeddedPostgres(settings, context(name, parent), options)

const ask = (engine: StoringEngine<'postgres'>, sql: string) =>
  withClient(engine.addressFor('service'), never, async (client) => {
    const { rows } = await client.query<Record<string, unknown>>(sql)
    return rows
  })

describe.skipIf(findPackage('timescaledb') === null && !isRequired)(
  'PostgreSQL with TimescaleDB (headroom engines install timescaledb)',
  () => {
    const extensions = ['timescaledb']

    it('has hypertables, says what its build can do, and keeps rows over kill -9', async () => {
      await using engine = await start('hyper', { extensions, settings: { work_mem: '8MB' } })
      expect(engine.facts).toMatchObject({
        timescaledb: expect.stringMatching(/^2\.\d+\.\d+ \(apache\)$/),
        compression: 'no',
        continuousAggregates: 'no',
      })
      expect(engine.settings).toMatchObject({
        work_mem: '8MB',
        shared_preload_libraries: 'timescaledb,pg_stat_statements',
      })
      expect(JSON.stringify(engine.settings)).not.toContain('/')
      await engine.control.execute(
        `CREATE TABLE m (at timestamptz NOT NULL, x int);
         SELECT create_hypertable('m', by_range('at', interval '1 day'));
         INSERT INTO m SELECT timestamptz '2026-01-01' + n * interval '1 hour', n FROM generate_series(1, 96) n`,
        never,
      )
      const chunks = 'SELECT count(*)::int AS n FROM timescaledb_information.chunks'
      expect(await ask(engine, chunks)).toEqual([{ n: 5 }])
      await engine.parts[0]!.fault('restart')
      expect(await ask(engine, 'SELECT count(*)::int AS n FROM m')).toEqual([{ n: 96 }])
      for (const probe of engine.probes) await probe.sample(never)
    })

    it('runs where only root can look', async () => {
      const closed = mkdtempSync(join(base, 'closed-'))
      chmodSync(closed, 0o700)
      await using engine = await start('closed', { extensions, parent: closed })
      expect(await ask(engine, `SELECT time_bucket('1 h', now()) <= now() AS is`)).toEqual([
        { is: true },
      ])
    })

    it.runIf(process.getuid?.() === 0)('runs from copies, where nothing else works', async () => {
      await using engine = await start('copied', { extensions, accounts: ['copied'] })
      expect(await ask(engine, `SELECT time_bucket('1 h', now()) <= now() AS is`)).toEqual([
        { is: true },
      ])
    })
  },
)

describe.skipIf(findPackage('pg_partman') === null && !isRequired)(
  'PostgreSQL with pg_partman (headroom engines install pg_partman)',
  () => {
    it('makes partitions ahead, in a schema of its own, also in the background', async () => {
      await using engine = await start('partman', {
        extensions: ['pg_partman', 'hstore'],
        settings: { 'pg_partman_bgw.interval': '1' },
      })
      expect(engine.facts?.['pg_partman']).toMatch(/^5\.\d+/)
      await engine.control.execute(
        `CREATE TABLE ev (at timestamptz NOT NULL, x hstore) PARTITION BY RANGE (at);
         SELECT partman.create_parent('public.ev', 'at', '1 hour', p_premake := 3)`,
        never,
      )
      const [made] = await ask(
        engine,
        `SELECT count(*)::int AS n FROM partman.show_partitions('public.ev')`,
      )
      expect(made!['n']).toBeGreaterThanOrEqual(4)
      const workers = () =>
        ask(engine, `SELECT 1 FROM pg_stat_activity WHERE backend_type LIKE 'pg_partman%'`)
      await expect.poll(workers, { timeout: 10_000 }).not.toEqual([])
    })
  },
)

describe('an extension that is not here', () => {
  it('is named with the command that gets it, before anything starts', async () => {
    vi.stubEnv('HEADROOM_ENGINES_DIR', join(base, 'nothing'))
    try {
      await expect(start('without', { extensions: ['timescaledb'] })).rejects.toMatchObject({
        code: 'ENGINE_MISSING',
        hint: expect.stringContaining('headroom engines install timescaledb'),
      })
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('is told as missing where the server has it not', async () => {
    await expect(start('none', { extensions: ['no_such_thing'] })).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: expect.stringContaining('no_such_thing'),
    })
  })
})
