/** A replica that cancels whatever stands in the way of replay: what the harness reads there is read all the same. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { StorePromise } from '../../src/architecture/architecture.ts'
import { auditRun } from '../../src/audit/audit.ts'
import type { EngineContext, Store, StoringEngine } from '../../src/engines/engine.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { readAgain } from '../../src/kit/cancelled-read.ts'
import { Scope } from '../../src/kit/scope.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { generateStream } from '../../src/shapes/billing/generated.ts'

const ROWS = 500
/** More than the first batch of what is read, and where a reading of them waits: behind that batch. */
const MANY = 12_000
const BATCH = 8_192
const SLOW_AT = 10_000
/** How long a read of the view takes unless it is cancelled: longer than anybody waits for that. */
const SLOW_S = 600
const base = mkdtempSync(join(tmpdir(), 'headroom-conflicts-'))
const never = new AbortController().signal
const scope = new Scope()
const PROMISE: StorePromise = {
  store: 'midway',
  survives: 'process-kill',
  delivery: 'exactly-once',
  readAfterAck: 'at-once',
  duplicates: 'one-row',
}
/** Nothing was sent: every row is foreign, and counted. */
const stream = generateStream(
  { source: 'generated', shape: 'billing', seed: 1, events: EventPopulation.parse({}) },
  (index) => index,
)

async function* nothing(): AsyncGenerator<never> {}
let primary: StoringEngine<'postgres'>
let replica: StoringEngine<'postgres'>
let store: Store

function context(name: string): EngineContext {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  return {
    dataDir,
    logDir: join(base, 'logs'),
    name,
    runId: 'test',
    signal: never,
    log: () => undefined,
  }
}

beforeAll(async () => {
  primary = scope.use(
    await startEngine(
      'postgres',
      { provider: 'embedded', settings: { autovacuum: 'off' } },
      context('primary'),
    ),
  )
  replica = scope.use(
    await startEngine(
      'postgres',
      {
        provider: 'embedded',
        settings: { max_standby_streaming_delay: '0', hot_standby_feedback: 'off' },
        upstream: primary,
      },
      context('replica'),
    ),
  )
  await primary.control.execute(
    `CREATE TABLE kept (id bigint, organization_id uuid, transaction_id text, value float8);
     CREATE TABLE slow (seconds float8);
     INSERT INTO slow VALUES (0);
     CREATE VIEW events AS
       SELECT kept.* FROM (SELECT pg_sleep((SELECT seconds FROM slow))) AS first, kept;
     CREATE TABLE many AS
       SELECT n AS id, gen_random_uuid() AS organization_id, n::text AS transaction_id, 1::float8 AS value
         FROM generate_series(1, ${String(MANY)}) AS n;
     CREATE VIEW slow_midway AS SELECT * FROM many
       WHERE id <> ${String(SLOW_AT)} OR pg_sleep((SELECT seconds FROM slow))::text = '';
     INSERT INTO kept SELECT n, gen_random_uuid(), n::text, 1 FROM generate_series(1, ${String(ROWS)}) AS n`,
    never,
  )
  store = replica.eventsStore({ name: 'replica', table: 'events', readable: 'events' })
})
beforeEach(async () => {
  await primary.control.execute(`UPDATE slow SET seconds = ${String(SLOW_S)}`, never)
  // A replica is loaded by following: this waits until it has all of the above.
  await store.load(Readable.from([]), never)
})
afterAll(async () => {
  await scope[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

/** One number about the database that is read; from another one, where nothing is cancelled for its rows. */
async function numberOf(sql: string): Promise<number> {
  const address = replica.addressFor('harness')
  return await withClient({ ...address, database: 'postgres' }, never, async (client) => {
    const { rows } = await client.query<{ number: string }>(sql, [address.database])
    return Number(rows[0]?.number)
  })
}

async function readsUnderWay(): Promise<number> {
  return await numberOf(
    `SELECT count(*) AS number FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'PgSleep'`,
  )
}

/** Of those that have ended their COPY and keep their session as well. */
async function copiesUnderWay(): Promise<number> {
  return await numberOf(
    `SELECT count(*) AS number FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY%'`,
  )
}

async function conflicts(): Promise<number> {
  return await numberOf(
    `SELECT confl_snapshot + confl_bufferpin + confl_deadlock AS number
       FROM pg_stat_database_conflicts WHERE datname = $1`,
  )
}

/** While something reads the replica, rows that it could see die and are vacuumed away; whoever reads again is not slow. */
async function vacuumMeanwhile(): Promise<void> {
  await expect.poll(readsUnderWay).toBe(1)
  await primary.control.execute('UPDATE slow SET seconds = 0', never)
  // A vacuum leaves what the poll of another session sees just then.
  await expect
    .poll(async () => {
      await primary.control.execute('UPDATE kept SET value = value', never)
      await primary.control.execute('VACUUM kept', never)
      return await readsUnderWay()
    })
    .toBe(0)
}

/** What `read` answers, which was cancelled while it was under way: a server counts that when the session has ended or rests. */
async function cancelledOnce<T>(read: Promise<T>): Promise<T> {
  const before = await conflicts()
  const [answer] = await Promise.all([read, vacuumMeanwhile()])
  await expect.poll(conflicts).toBeGreaterThan(before)
  return answer
}

async function countOf(rows: ReturnType<Store['rows']>): Promise<number> {
  let count = 0
  for await (const batch of rows) count += batch.ids.length
  return count
}

describe('a replica whose replay waits for nobody', () => {
  it('is totalled, although the first statement is cancelled', async () => {
    const totals = await cancelledOnce(store.totals(never))
    expect(totals.rows).toBe(ROWS)
  })

  it('says that it cancelled a COPY, which whoever counts its rows begins again', async () => {
    const counted = readAgain(never, () => countOf(store.rows(never)))
    expect(await cancelledOnce(counted)).toBe(ROWS)
  })

  it('is audited row by row, each of them once, although a COPY is cancelled behind its first batch', async () => {
    const midway = replica.eventsStore({ name: 'midway', table: 'slow_midway', readable: 'many' })
    const given: number[] = []
    const watched: typeof midway = {
      ...midway,
      rows: async function* (signal) {
        const reading = given.push(0) - 1
        for await (const rows of midway.rows(signal)) {
          given[reading] = (given[reading] ?? 0) + rows.ids.length
          yield rows
        }
      },
    }
    const audit = auditRun({
      stores: [watched],
      promises: [PROMISE],
      stream,
      outcomes: { events: 0, blocks: nothing },
      preloadedRows: 0,
      signal: never,
    })
    await Promise.race([audit, expect.poll(() => given[0]).toBe(BATCH)])
    const { stores } = await cancelledOnce(audit)
    expect(given).toEqual([BATCH, MANY])
    expect(stores).toMatchObject([{ storedRows: MANY, foreignRows: MANY }])
  })

  it('keeps no session of a reader that stops within its first batch', async () => {
    const { rows } = replica.eventsStore({ name: 'many', table: 'many', readable: 'many' })
    for await (const { ids } of rows(never)) {
      expect(ids).toHaveLength(BATCH)
      expect(await copiesUnderWay()).toBe(1)
      break
    }
    await expect.poll(copiesUnderWay).toBe(0)
  })

  it('is looked at first, although that look is cancelled', async () => {
    const { ids } = await cancelledOnce(store.arrivals(null, never))
    expect(ids).toEqual([])
  })
})
