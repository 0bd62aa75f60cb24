/**
 * Roles on a PostgreSQL of the user's own, from the least to the most: what each may do and see, and that what it may not
 * is absent and named, never zero and never a crash.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { externalEngines } from '../../src/cli/external-engines.ts'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { ownPostgres } from '../../src/engines/postgres/own-server.ts'
import { observeEngine } from '../../src/engines/observe.ts'
import { startEngine } from '../../src/engines/registry.ts'
import type { HeadroomError } from '../../src/kit/errors.ts'
import { silentLog } from '../../src/kit/log.ts'
import type { OwnPostgres } from '../fixtures/own-postgres.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'

const PASSWORD = 'rights-Pa55'
const base = mkdtempSync(join(tmpdir(), 'headroom-rights-'))
const { signal } = new AbortController()
let server: OwnPostgres
beforeAll(async () => {
  server = await startOwnPostgres({ segmentMb: 32 })
  for (const role of ['making', 'least', 'seeing', 'walking', 'reading', 'stuck']) {
    await server.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`)
  }
  await server.sql('CREATE DATABASE scratch')
  await server.sql('ALTER ROLE making CREATEDB')
  await server.sql('GRANT CREATE ON DATABASE scratch TO least, seeing, walking, reading')
  await server.sql('GRANT pg_monitor, pg_checkpoint TO seeing')
  await server.sql('ALTER ROLE reading SET default_transaction_read_only = on')
  await server.sql('REVOKE CONNECT ON DATABASE scratch FROM PUBLIC')
  await server.sql('GRANT CONNECT ON DATABASE scratch TO making, least, seeing, walking, reading')
  await server.sql(
    `CREATE SCHEMA tools; CREATE EXTENSION pg_walinspect SCHEMA tools;
     GRANT USAGE ON SCHEMA tools TO walking, making;
     GRANT EXECUTE ON FUNCTION tools.pg_get_wal_stats(pg_lsn, pg_lsn, boolean) TO walking, making;
     CREATE TABLE public.events (id int); GRANT ALL ON public.events TO PUBLIC`,
    'scratch',
  )
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

function addressOf(role: string) {
  const postgres = server.dsn({ role, password: PASSWORD, database: 'scratch' })
  const { addresses } = externalEngines({ postgres, engines: undefined }, {})
  if (addresses.postgres === undefined) throw new Error('no address')
  return addresses.postgres
}

async function start(role: string): Promise<RunningEngine<'postgres'>> {
  return await startEngine(
    'postgres',
    { provider: 'external', settings: {}, address: addressOf(role) },
    {
      dataDir: base,
      logDir: base,
      name: 'postgres',
      runId: `rights/${role}`,
      ledgerDir: join(base, 'servers'),
      signal,
      log: silentLog,
    },
  )
}

/** Every metric of every probe, after some writing: the second look knows what came since the first. */
async function metricsOf(engine: RunningEngine<'postgres'>): Promise<ReadonlySet<string>> {
  for (const probe of engine.probes) await probe.sample(signal)
  await engine.control.execute('CREATE TABLE IF NOT EXISTS events (id bigint)', signal)
  await engine.control.execute('INSERT INTO events SELECT generate_series(1, 20000)', signal)
  const samples = []
  for (const probe of engine.probes) samples.push(...(await probe.sample(signal)))
  return new Set(samples.map(({ metric }) => metric))
}

const unseenBy = (engine: Pick<RunningEngine, 'notes'>): string =>
  engine.notes?.unseen.join('\n') ?? ''

describe('a role on a PostgreSQL of the user’s own', () => {
  it('with the least rights: probes work as far as they can, CHECKPOINT is refused by name', async () => {
    await using engine = await start('least')
    const metrics = await metricsOf(engine)
    for (const seen of ['wal.bytes', 'checkpoint.timed', 'table.deadRows', 'buffers.hitRatio']) {
      expect(metrics).toContain(seen)
    }
    expect(metrics).not.toContain('wal.fpiBytes')
    for (const grant of ['pg_checkpoint', 'pg_monitor', 'pg_get_wal_stats']) {
      expect(unseenBy(engine)).toContain(grant)
    }
    const refused = await engine.control.checkpoint(signal).then(
      () => null,
      (error: unknown) => error as HeadroomError,
    )
    expect(refused).toMatchObject({ code: 'ENGINE_RIGHTS_MISSING' })
    expect(refused?.hint).toContain('GRANT pg_checkpoint TO "least"')
  })

  it('with the least rights: what was chosen when the server was made is recorded too', async () => {
    await using engine = await start('least')
    expect(engine.settings).toMatchObject({ wal_segment_size: '32MB' })
  })

  it('works in its own schema, where no table of the user’s is ever found instead', async () => {
    await using engine = await start('least')
    const failure = await engine.control.execute('INSERT INTO events VALUES (1)', signal).then(
      () => null,
      (error: unknown) => error as Error,
    )
    expect(failure?.message).toContain('relation "events" does not exist')
    await using other = await start('least')
    for (const one of [engine, other]) await metricsOf(one)
    const tables = await server.sql<{ schema: string; rows: string }>(
      `SELECT schemaname AS schema FROM pg_tables WHERE tablename = 'events' ORDER BY 1`,
      'scratch',
    )
    expect(tables).toHaveLength(3)
    const [{ count } = { count: '?' }] = await server.sql<{ count: string }>(
      'SELECT count(*) FROM public.events',
      'scratch',
    )
    expect(count).toBe('0')
  })

  it('with pg_monitor and pg_checkpoint: nothing is said to be hidden that it sees', async () => {
    await using engine = await start('seeing')
    expect(unseenBy(engine)).not.toMatch(/pg_checkpoint|pg_monitor/)
    await engine.control.checkpoint(signal)
  })

  it('with pg_walinspect in whatever schema: full-page images are told apart', async () => {
    await using engine = await start('walking')
    expect(unseenBy(engine)).not.toContain('pg_get_wal_stats')
    expect(await metricsOf(engine)).toContain('wal.fpiBytes')
  })

  it('with a database of its own: an extension of another database is none of its own, and that is named', async () => {
    const planned = await ownPostgres.inspect(addressOf('making'), {
      settings: {},
      ownName: 'headroom_planned',
      signal,
    })
    expect(unseenBy(planned)).toMatch(/full-page images.*template1.*CREATE EXTENSION pg_walinspect/)
    await using engine = await start('making')
    const metrics = await metricsOf(engine)
    expect(metrics).toContain('wal.bytes')
    expect(metrics).not.toContain('wal.fpiBytes')
    expect(unseenBy(engine)).toMatch(/full-page images.*template1.*CREATE EXTENSION pg_walinspect/)
  })

  it('with a database of its own after the remedy that was named: full-page images are told apart', async () => {
    await server.sql(
      `CREATE EXTENSION pg_walinspect; GRANT EXECUTE ON FUNCTION pg_get_wal_stats TO making`,
      'template1',
    )
    await using engine = await start('making')
    expect(await metricsOf(engine)).toContain('wal.fpiBytes')
    expect(unseenBy(engine)).not.toContain('full-page images')
    await server.sql('DROP EXTENSION pg_walinspect', 'template1')
  })

  it('that may only read is told so before anything is made', async () => {
    await expect(start('reading')).rejects.toMatchObject({
      code: 'ENGINE_RIGHTS_MISSING',
      message: expect.stringContaining('read-only transaction') as unknown,
    })
    await expect(start('stuck')).rejects.toMatchObject({
      code: 'ENGINE_RIGHTS_MISSING',
      message: expect.stringContaining('does not let this role in') as unknown,
    })
    expect(readdirSync(join(base, 'servers'))).toEqual([])
  })

  it('that only looks says what it does not see, and makes no CHECKPOINT that was not allowed', async () => {
    const looking = await observeEngine('postgres', addressOf('seeing'), {
      name: 'postgres',
      tables: ['public.events'],
      checkpoint: false,
      signal,
    })
    expect(unseenBy(looking)).toContain('because the target does not allow it')
    for (const probe of looking.probes) await probe.sample(signal)
    await expect(looking.control.checkpoint(signal)).rejects.toMatchObject({
      code: 'ENGINE_RIGHTS_MISSING',
    })
    await looking[Symbol.asyncDispose]()
  })

  it('leaves nothing behind, whatever it was', async () => {
    const left = await server.sql(
      `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'headroom%'`,
      'scratch',
    )
    expect(left).toEqual([])
  })
})
