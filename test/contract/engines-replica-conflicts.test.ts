/** A replica that cancels whatever stands in the way of replay: what the harness reads there is read all the same. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineContext, Store, StoringEngine } from '../../src/engines/engine.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { Scope } from '../../src/kit/scope.ts'

const ROWS = 500
/** How long a read of the view takes; the primary has vacuumed well before that. */
const SLOW_S = 1
const base = mkdtempSync(join(tmpdir(), 'headroom-conflicts-'))
const never = new AbortController().signal
const scope = new Scope()
let primary: StoringEngine<'postgres'>
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
  const replica = scope.use(
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
     CREATE VIEW events AS SELECT kept.* FROM (SELECT pg_sleep(${String(SLOW_S)})) AS first, kept;
     INSERT INTO kept SELECT n, gen_random_uuid(), n::text, 1 FROM generate_series(1, ${String(ROWS)}) AS n`,
    never,
  )
  store = replica.eventsStore({ name: 'replica', table: 'events', readable: 'events' })
  // A replica is loaded by following: this waits until it has all of the above.
  await store.load(Readable.from([]), never)
})
afterAll(async () => {
  await scope[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

/** While something reads the replica, rows that it could see die and are vacuumed away. */
async function vacuumMeanwhile(): Promise<void> {
  await delay((SLOW_S * 1_000) / 2)
  await primary.control.execute('UPDATE kept SET value = value', never)
  await primary.control.execute('VACUUM kept', never)
}

async function countOf(rows: ReturnType<Store['rows']>): Promise<number> {
  let count = 0
  for await (const batch of rows) count += batch.ids.length
  return count
}

describe('a replica whose replay waits for nobody', () => {
  it('is totalled, although the first statement is cancelled', async () => {
    const [totals] = await Promise.all([store.totals(never), vacuumMeanwhile()])
    expect(totals.rows).toBe(ROWS)
  })

  it('is read row by row, although the first COPY is cancelled', async () => {
    const [count] = await Promise.all([countOf(store.rows(never)), vacuumMeanwhile()])
    expect(count).toBe(ROWS)
  })

  it('is looked at first, although that look is cancelled', async () => {
    const [{ ids }] = await Promise.all([store.arrivals(null, never), vacuumMeanwhile()])
    expect(ids).toEqual([])
  })
})
