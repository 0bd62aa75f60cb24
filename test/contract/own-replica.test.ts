/**
 * A streaming replica and a pooler beside a PostgreSQL of the user's own: servers of this machine play them. What is made on
 * the primary is read from the replica; what is no replica of it, or may not be asked, is refused in words.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineContext, PostgresAddress, RunningEngine } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { inspectReplica } from '../../src/engines/postgres/external-replica.ts'
import { startEngine } from '../../src/engines/registry.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-own-replica-'))
const { signal } = new AbortController()
const PASSWORD = 'own-replica-Pa55'

function context(name: string): EngineContext {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  return {
    ...{ dataDir, name, signal },
    logDir: join(base, 'logs'),
    runId: '2026-11-21-own',
    ledgerDir: join(base, 'servers'),
    log: () => undefined,
  }
}

/** Of no run: they play the user's. */
let primary: RunningEngine<'postgres'>
let replica: RunningEngine<'postgres'>
let stranger: RunningEngine<'postgres'>
beforeAll(async () => {
  const settings = { wal_level: 'replica', max_wal_senders: '5' }
  const embedded = { provider: 'embedded', settings } as const
  primary = await startEngine('postgres', embedded, context('primary'))
  stranger = await startEngine('postgres', embedded, context('stranger'))
  replica = await startEngine('postgres', { ...embedded, upstream: primary }, context('replica'))
  for (const role of ['bench', 'maker', 'reader', 'blind'])
    await onPrimary(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`)
  await onPrimary('GRANT CREATE ON DATABASE headroom TO bench')
  await onPrimary('ALTER ROLE maker CREATEDB')
  await onPrimary('GRANT pg_monitor TO maker')
  await onPrimary('GRANT bench TO blind')
}, 60_000)
afterAll(async () => {
  await replica[Symbol.asyncDispose]()
  await stranger[Symbol.asyncDispose]()
  await primary[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

const onPrimary = (sql: string) => primary.control.execute(sql, signal)
const as = (engine: RunningEngine<'postgres'>, user: string): PostgresAddress => ({
  ...engine.addressFor('harness'),
  user,
  password: PASSWORD,
})
const start = (address: PostgresAddress, upstream?: RunningEngine) =>
  startEngine(
    'postgres',
    {
      ...{ provider: 'external', settings: {}, address },
      ...(upstream === undefined ? {} : { upstream }),
    },
    context(upstream === undefined ? 'own' : 'own-replica'),
  )

describe('a replica of the user’s own', () => {
  it.each(['bench', 'maker'])('gives out what %s makes on its primary', async (role) => {
    await using own = await start(as(primary, role))
    await using follower = await start(as(replica, role), own)
    expect(follower).toMatchObject({ provider: 'external', parts: [] })
    expect(follower.label).toMatch(/^postgres .*, a replica$/)
    await own.control.execute('CREATE TABLE kept (x int); INSERT INTO kept VALUES (1), (2)', signal)
    const rows = () =>
      withClient(follower.addressFor('service'), signal, async (client) => {
        const { rows: found } = await client.query<{ x: number }>('SELECT x FROM kept ORDER BY x')
        return found.map(({ x }) => x)
      }).catch(() => [])
    await expect.poll(rows).toEqual([1, 2])
    await expect(
      withClient(follower.addressFor('service'), signal, (client) =>
        client.query('INSERT INTO kept VALUES (3)'),
      ),
    ).rejects.toThrow(/read-only/)
    const samples = await Promise.all(follower.probes.map((probe) => probe.sample(signal)))
    expect(samples.flat().map(({ metric }) => metric)).toContain('replica.unreplayedBytes')
    const says = follower.notes?.unseen.join('; ')
    if (role === 'bench') expect(says).toMatch(/GRANT pg_monitor TO bench/)
    else expect(says).not.toMatch(/pg_monitor/)
  })

  it('leaves nothing behind on either', async () => {
    const left = (engine: RunningEngine<'postgres'>) =>
      withClient(engine.addressFor('harness'), signal, async (client) => {
        const { rows } = await client.query<{ name: string }>(
          `SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'headroom%'
           UNION ALL SELECT datname FROM pg_database WHERE datname LIKE 'headroom\\_%'`,
        )
        return rows
      })
    expect(await left(primary)).toEqual([])
    // What is dropped there is gone here when that is replayed.
    await expect.poll(() => left(replica)).toEqual([])
  })

  it('is looked at before a run, which makes nothing', async () => {
    const found = await inspectReplica(
      'replica',
      { address: as(replica, 'bench'), primary: as(primary, 'bench') },
      { settings: { hot_standby_feedback: 'on' }, signal },
    )
    expect(found.creates).toEqual([])
    expect(found.notes.settingsNotInForce).toMatchObject([
      { name: 'hot_standby_feedback', inForce: 'off' },
    ])
  })
})

describe('refused as a replica', () => {
  const refused = async (address: PostgresAddress, role = 'bench') => {
    await using own = await start(as(primary, role))
    return await start(address, own).then(
      async (engine) => {
        await engine[Symbol.asyncDispose]()
        throw new Error('it was not refused')
      },
      (error: unknown) => error as Error & { code: string; hint: string },
    )
  }

  it('is a server that takes writes itself', async () => {
    const error = await refused(as(primary, 'bench'))
    expect(error).toMatchObject({ code: 'BAD_INPUT' })
    expect(error.message).toMatch(/is no replica: it is not in recovery/)
    expect(error.hint).toMatch(/promoted|swapped/)
  })

  it('is a replica of another primary', async () => {
    await using follower = await startEngine(
      'postgres',
      { provider: 'embedded', settings: {}, upstream: stranger },
      context('strange-replica'),
    )
    const error = await refused(follower.addressFor('harness'))
    expect(error).toMatchObject({ code: 'BAD_INPUT' })
    expect(error.message).toMatch(/is a replica of another server than the one at/)
  })

  it('is a role that may not read what the primary’s makes', async () => {
    const error = await refused(as(replica, 'reader'))
    expect(error).toMatchObject({ code: 'ENGINE_RIGHTS_MISSING' })
    expect(error.message).toMatch(/role "reader" .* may not read what "bench" makes/)
    expect(error.hint).toContain('GRANT "bench" TO "reader"')
  })

  it('is a role that may not ask how far the replica is', async () => {
    const position = 'FUNCTION pg_last_wal_replay_lsn()'
    await onPrimary(`REVOKE EXECUTE ON ${position} FROM PUBLIC`)
    await expect
      .poll(async () => (await refused(as(replica, 'blind')).catch(() => null))?.code)
      .toBe('ENGINE_RIGHTS_MISSING')
    const error = await refused(as(replica, 'blind'))
    expect(error.message).toMatch(/may not ask how far the replica is: pg_last_wal_replay_lsn\(\)/)
    expect(error.hint).toContain(`GRANT EXECUTE ON ${position} TO "blind"`)
    await onPrimary(`GRANT EXECUTE ON ${position} TO PUBLIC`)
  })

  it('is a wrong password, and one whose primary is started here', async () => {
    const wrong = await refused({ ...as(replica, 'bench'), password: 'no' })
    expect(wrong).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
    await expect(start(as(replica, 'bench'), primary)).rejects.toThrow(
      /is a replica of your own, but primary, which it should follow, is not/,
    )
  })
})

describe('PgBouncer in front of a server of the user’s own', () => {
  it.skipIf(findProgram('pgbouncer') === null).each(['bench', 'maker'])(
    'reaches the place that %s made, and nothing else',
    async (role) => {
      await using own = await start(as(primary, role))
      await using pooler = await startEngine(
        'pgbouncer',
        { provider: 'embedded', settings: {}, upstream: own },
        context('database-pooler'),
      )
      const place = own.addressFor('harness')
      for (const who of ['service', 'session'] as const) {
        await withClient(pooler.addressFor(who), signal, async (client) => {
          await client.query(`CREATE TABLE ${who}s (x int)`)
          const { rows } = await client.query(
            'SELECT current_user AS role, current_schema() AS schema',
          )
          expect(rows).toEqual([{ role, schema: place.schema ?? 'public' }])
        })
      }
      const tables = await withClient(place, signal, async (client) => {
        const { rows } = await client.query<{ name: string }>(
          'SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1',
        )
        return rows.map(({ name }) => name)
      })
      expect(tables).toEqual(expect.arrayContaining(['services', 'sessions']))
    },
  )
})
