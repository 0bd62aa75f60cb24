/** Behind a transaction pooler every transaction may run on another connection of the server: nothing of a session may be relied on. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { SqlSession } from '../../src/drive/sql/session.ts'
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { ENGINES, heldBy, SKIPPED, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { keyOf, makeEvent } from './service-client.ts'
import { makeWrite, writeKeyOf } from './shape-kits.ts'

/** Fewer connections of the server than of the service, so that transactions of one land on all of them. */
const SERVER_CONNECTIONS = 3
const CONNECTIONS = 8
const REQUESTS = 48
const EVENTS = 20
/** As long as a poll may wait: what is delivered within the patience of a test was announced by a NOTIFY. */
const POLL_NEVER_MS = 60_000

const POOLED = {
  database: {
    pooler: { settings: { pool_mode: 'transaction', default_pool_size: SERVER_CONNECTIONS } },
  },
}
const MISSING =
  ENGINES === 'embedded' &&
  findProgram('pgbouncer') === null &&
  process.env['HEADROOM_REQUIRE_ALL'] === undefined

const start = (architecture: string, settings: Readonly<Record<string, unknown>>): Promise<Rig> =>
  startRig(architecture, {
    settings: { connections: CONNECTIONS, batchRowsMax: EVENTS, ...settings },
    engines: POOLED,
  })

/** Requests at once, each of them a batch; every one of them has to be taken. */
async function taken(rig: Rig, batches: readonly (readonly unknown[])[]): Promise<void> {
  const answers = await Promise.all(batches.map((batch) => rig.client.post(batch)))
  const refused = answers.filter(({ status }) => status !== 200)
  expect(refused.map(({ status, body }) => `${String(status)} ${body.message ?? ''}`)).toEqual([])
}

const batchesOf = <Item>(make: () => Item): readonly (readonly Item[])[] =>
  Array.from({ length: REQUESTS }, () => Array.from({ length: EVENTS }, make))

/** The pool is as small as it was asked to be, so sessions did mix. */
async function expectMixed(rig: Rig, name: string): Promise<void> {
  const [row] = await sqlOf<{ n: number }>(
    rig,
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE application_name LIKE $1 AND application_name !~ ' (listen|session)$'`,
    [`headroom ${name}%`],
  )
  expect(row!.n).toBeGreaterThan(0)
  expect(row!.n).toBeLessThanOrEqual(SERVER_CONNECTIONS)
}

/** Workers whose LISTEN the server has taken: each on a session of its own. */
const listening = async (rig: Rig): Promise<number> => {
  const [row] = await sqlOf<{ n: number }>(
    rig,
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'idle' AND query LIKE 'LISTEN %'`,
  )
  return row!.n
}

/** All connections of the server are new ones, and the service has noticed nothing. */
async function replaceSessions(rig: Rig): Promise<void> {
  const pooler = rig.up.engines.find(({ engine }) => engine.kind === 'pgbouncer')
  await pooler!.engine.control.execute('RECONNECT', AbortSignal.timeout(5_000))
}

describe.skipIf(MISSING)('behind a transaction pooler (headroom engines install pgbouncer)', () => {
  it.each([
    ['pg-batch', { method: 'copy' }],
    ['pg-batch', { method: 'copy-binary' }],
    ['pg-batch', { method: 'auto', copyFromRows: EVENTS }],
    ['pg-batch', { method: 'copy', nonCriticalCodes: ['api_calls'] }],
    ['pg-partitioned', { method: 'copy' }],
    ['outbox', { method: 'copy', workers: 2, pollMs: POLL_NEVER_MS }],
  ])('%s stores every event once with %o', async (architecture, settings) => {
    await using rig = await start(architecture, settings)
    const batches = batchesOf(() => makeEvent())
    await taken(rig, batches)
    await expectMixed(rig, architecture)
    await replaceSessions(rig)
    // Half of each again: repeats are told, and nothing is stored twice.
    const again = batches.map((batch) => [...batch.slice(0, EVENTS / 2), makeEvent()])
    const answers = await Promise.all(again.map((batch) => rig.client.post(batch)))
    expect(answers.map(({ body }) => body)).toEqual(
      again.map(() => expect.objectContaining({ accepted: 1, duplicate: EVENTS / 2 })),
    )
    const ids = [...batches.flat(), ...again.map((batch) => batch.at(-1)!)].map(keyOf).toSorted()
    for (const store of rig.up.running.stores) {
      await untilReadable(store, ids.length)
      expect((await heldBy(store)).readable.toSorted(), store.name).toEqual(ids)
    }
    expect((await heldBy(rig.up.running.stores[0]!)).rows.toSorted()).toEqual(ids)
  })

  it('every worker of outbox listens, also when they are more than a pool has connections', async () => {
    const workers = SERVER_CONNECTIONS + 2
    await using rig = await start('outbox', { workers, pollMs: POLL_NEVER_MS })
    const [, delivered] = rig.up.running.stores
    await expect.poll(() => listening(rig), { timeout: 15_000 }).toBe(workers)
    await taken(rig, [[makeEvent()]])
    await untilReadable(delivered!, 1)
    await replaceSessions(rig)
    await taken(rig, [[makeEvent()]])
    await untilReadable(delivered!, 2)
    expect(await listening(rig)).toBe(workers)
  })

  it('the driver that writes by SQL stages every batch in its own transaction', async () => {
    await using rig = await start('pg-batch', {})
    const engines = rig.up.engines.map(({ engine }) => engine)
    const place = engines.find(({ kind }) => kind === 'pgbouncer')!.addressFor('service')
    const copy = ['organization_id', 'transaction_id', 'external_customer_id', 'code', 'timestamp']
    const sessions = await Promise.all(
      Array.from({ length: CONNECTIONS }, () =>
        SqlSession.open(
          {
            place: place as PostgresAddress,
            method: 'staging',
            table: 'events',
            repeats: 'skip',
            connections: CONNECTIONS,
          },
          { source: 'organization_id', id: 'transaction_id', copy },
          () => undefined,
        ),
      ),
    )
    const lines = sessions.map(
      (_, n) => `${randomUUID()}\tt${String(n)}\tc\tk\t2026-01-02 03:04:05+00\n`,
    )
    const write = (): Promise<unknown> =>
      Promise.all(sessions.map((session, n) => session.write(Buffer.from(lines[n]!), 1)))
    try {
      expect(await write()).toEqual(lines.map(() => []))
      await replaceSessions(rig)
      expect(await write()).toEqual(lines.map(() => [0]))
      expect((await heldBy(rig.up.running.stores[0]!)).rows).toHaveLength(CONNECTIONS)
    } finally {
      for (const session of sessions) session.cut()
    }
  })

  it.skipIf(SKIPPED.some(({ id }) => id === 'eav'))('eav stores every write once', async () => {
    await using rig = await start('eav', { flushMs: 20, vacuumEveryFlushes: 1 })
    const tenant = randomUUID()
    const batches = batchesOf(() => makeWrite({ tenant_id: tenant, critical: Math.random() < 0.3 }))
    await taken(rig, batches.slice(REQUESTS / 2))
    await expectMixed(rig, 'eav')
    await replaceSessions(rig)
    await taken(rig, batches.slice(0, REQUESTS / 2))
    const ids = batches.flat().map(writeKeyOf).toSorted()
    const [store] = rig.up.running.stores
    await untilReadable(store!, ids.length)
    const held = await heldBy(store!)
    expect(held.rows.toSorted()).toEqual(ids)
    expect(held.readable.toSorted()).toEqual(ids)
  })
})
