/** What an outbox must not do wrong, on a real PostgreSQL: rows lost, taken twice, stuck, or in the way of others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type pg from 'pg'
import type { PostgresAddress, Store } from '../../src/engines/engine.ts'
import { openPool } from '../../reference-impl/service-kit/postgres/connection.ts'
import { OutboxQueue } from '../../reference-impl/service-kit/outbox/queue.ts'
import { outboxSchema } from '../../reference-impl/service-kit/outbox/schema.ts'
import { outbox } from '../../reference-impl/outbox/architecture.ts'
import type { OutboxSettings } from '../../reference-impl/service-kit/outbox/settings.ts'
import { heldBy, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { keyOf, makeEvent } from './service-client.ts'

const FORMS = [
  { completion: 'delete', claimOn: 'lease' },
  { completion: 'done', claimOn: 'lease' },
  { completion: 'rotate', claimOn: 'lease' },
  { completion: 'done', claimOn: 'status' },
  { completion: 'rotate', claimOn: 'status' },
] as const
type Form = (typeof FORMS)[number]

const LEASE_MS = 300

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function addressOf(rig: Rig): PostgresAddress {
  return rig.up.engines[0]!.engine.addressFor('harness') as PostgresAddress
}

function poolOf(address: PostgresAddress): pg.Pool {
  return openPool(address, {
    connections: 1,
    name: 'test',
    log: () => undefined,
    statementTimeoutMs: 10_000,
  })
}

async function numberOf(pool: pg.Pool, sql: string): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(sql)
  return Number(rows[0]?.n)
}

describe('the queue', () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig('pg-batch')
  })
  afterAll(async () => {
    await rig[Symbol.asyncDispose]()
  })

  /** An outbox in a schema of its own, and two workers' views of it. */
  const openForm = async (form: Form, more: Partial<OutboxSettings> = {}) => {
    const schema = `outbox_${form.completion}_${form.claimOn}_${String(Object.keys(more).length)}`
    const owner = poolOf(addressOf(rig))
    await owner.query(`CREATE SCHEMA ${schema}`)
    await owner.end()
    const pools = [0, 1].map(() => poolOf({ ...addressOf(rig), schema }))
    const settings = {
      ...(outbox.settings.parse({ ...form, wake: 'poll', leaseMs: LEASE_MS }) as OutboxSettings),
      ...more,
    }
    const [pool] = pools as [pg.Pool, pg.Pool]
    for (const statement of outboxSchema(settings)) await pool.query(statement)
    const [a, b] = pools.map((one) => new OutboxQueue(one, settings)) as [OutboxQueue, OutboxQueue]
    return {
      ...{ a, b, pool },
      fill: (rows: number) =>
        pool.query(
          `INSERT INTO outbox (consumer, payload) SELECT 1, '{}' FROM generate_series(1, ${String(rows)})`,
        ),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(pools.map((one) => one.end()))
      },
    }
  }

  it.each(FORMS)(
    'gives a row whose lease is over to exactly one other, with one attempt more ($completion, $claimOn)',
    async (form) => {
      await using outbox = await openForm(form)
      const { a, b } = outbox
      await outbox.fill(20)
      const first = await a.claim(1)
      expect(first.rows.map(({ attempts }) => attempts)).toEqual(Array(20).fill(1))
      expect((await b.claim(1)).rows).toEqual([])
      await pause(LEASE_MS + 100)
      await Promise.all([a.reap(1), b.reap(1)])
      const again = await Promise.all([a.claim(1), b.claim(1)])
      const rows = again.flatMap((claim) => claim.rows)
      expect(rows.map(({ id }) => id).sort()).toEqual(first.rows.map(({ id }) => id).sort())
      expect(rows.map(({ attempts }) => attempts)).toEqual(Array(20).fill(2))
      // The first claim's worker comes back late: nothing of it is its own any more.
      expect(await a.complete(first, first.rows)).toBe(0)
      expect(await a.release(first, first.rows, { delayMs: 0, attemptsBack: 1 })).toBe(0)
      expect(await a.bury(first, first.rows, 'late')).toBe(0)
      const completed = [
        await a.complete(again[0], again[0].rows),
        await b.complete(again[1], again[1].rows),
      ]
      expect(completed[0]! + completed[1]!).toBe(20)
      await pause(LEASE_MS + 100)
      await a.reap(1)
      expect((await a.claim(1)).rows).toEqual([])
    },
  )

  it.each(FORMS)('releases and buries what it claimed ($completion, $claimOn)', async (form) => {
    await using outbox = await openForm(form, { claimRowsMax: 3 })
    const { a, pool } = outbox
    await outbox.fill(3)
    const claim = await a.claim(1)
    const [one, two, three] = claim.rows
    expect(await a.release(claim, [one!], { delayMs: 0, attemptsBack: 1 })).toBe(1)
    expect(await a.release(claim, [two!], { delayMs: 60_000, attemptsBack: 0 })).toBe(1)
    expect(await a.bury(claim, [three!], 'poison')).toBe(1)
    await pause(5)
    const next = await a.claim(1)
    expect(next.rows).toMatchObject([{ id: one!.id, attempts: 1 }])
    const dead = await pool.query('SELECT id, attempts, last_error FROM outbox_dead')
    expect(dead.rows).toEqual([{ id: three!.id, attempts: 1, last_error: 'poison' }])
  })

  it('truncates a partition only when nothing in it is open', async () => {
    await using outbox = await openForm(
      { completion: 'rotate', claimOn: 'lease' },
      { rotateS: 0.2, leaseMs: 60_000 },
    )
    const { a, pool } = outbox
    await outbox.fill(5)
    const claim = await a.claim(1)
    await pause(250)
    expect(await a.rotate()).toBe(0)
    expect(await a.complete(claim, claim.rows)).toBe(5)
    expect(await numberOf(pool, 'SELECT count(*) AS n FROM outbox')).toBe(5)
    await expect.poll(() => a.rotate(), { timeout: 5_000, interval: 50 }).toBe(1)
    expect(await numberOf(pool, 'SELECT count(*) AS n FROM outbox')).toBe(0)
  })

  it('claims by updates that no index sees, and by none of that kind in the form of the document', async () => {
    const hotShare = async (form: Form): Promise<number> => {
      await using outbox = await openForm(form, { claimRowsMax: 400, fillfactorRatio: 0.5 })
      await outbox.fill(400)
      expect((await outbox.a.claim(1)).rows.length).toBe(400)
      await outbox.pool.query('SELECT pg_stat_force_next_flush()')
      return await numberOf(
        outbox.pool,
        `SELECT n_tup_hot_upd::float8 / n_tup_upd AS n FROM pg_stat_user_tables
          WHERE relid = 'outbox'::regclass`,
      )
    }
    expect(await hotShare({ completion: 'done', claimOn: 'lease' })).toBeGreaterThan(0.5)
    expect(await hotShare({ completion: 'done', claimOn: 'status' })).toBe(0)
  })
})

describe('outbox', () => {
  const storesOf = (rig: Rig): readonly Store[] => rig.up.running.stores.slice(1)
  const partOf = (rig: Rig, name: string) =>
    rig.up.running.parts.find((part) => part.name === name)!
  const post = async (rig: Rig, events: number): Promise<readonly string[]> => {
    const bodies = Array.from({ length: events / 10 }, () =>
      Array.from({ length: 10 }, () => makeEvent()),
    )
    const answers = await Promise.all(bodies.map((body) => rig.client.post(body)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    return bodies.flat().map(keyOf).sort()
  }
  const workerFigure = async (rig: Rig, name: string, metric: string): Promise<number> => {
    const page = await (await fetch(new URL('/metrics', partOf(rig, name).url!))).text()
    return Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(page)?.[1])
  }

  it('completes every row once and delivers it once where nothing goes wrong, with two workers', async () => {
    await using rig = await startRig('outbox', { settings: { workers: 2, claimRowsMax: 7 } })
    const sent = await post(rig, 600)
    const [sink] = storesOf(rig)
    await untilReadable(sink!, 600)
    expect([...(await heldBy(sink!)).rows].sort()).toEqual(sent)
    const completed = async () =>
      (await workerFigure(rig, 'worker-1', 'headroom_outbox_completed_rows_total')) +
      (await workerFigure(rig, 'worker-2', 'headroom_outbox_completed_rows_total'))
    await expect.poll(completed, { timeout: 5_000 }).toBe(600)
    // Both had a share, or this says nothing of two.
    expect(
      await workerFigure(rig, 'worker-1', 'headroom_outbox_completed_rows_total'),
    ).toBeGreaterThan(0)
    expect(
      await workerFigure(rig, 'worker-2', 'headroom_outbox_completed_rows_total'),
    ).toBeGreaterThan(0)
  })

  it('drains by its poll when no notification comes', async () => {
    await using rig = await startRig('outbox', { settings: { pollMs: 300 } })
    const { engine } = rig.up.engines[0]!
    const signal = AbortSignal.timeout(10_000)
    await engine.control.execute('DROP TRIGGER outbox_wake ON outbox', signal)
    await post(rig, 100)
    await untilReadable(storesOf(rig)[0]!, 100)
  })

  it('drains what gathered while the sink stood still, longer than a lease, and gives nothing up', async () => {
    await using rig = await startRig('outbox', {
      settings: { leaseMs: 1_500, deliverTimeoutMs: 400, attemptsMax: 2 },
    })
    const sink = partOf(rig, 'sink')
    await sink.fault('freeze')
    const sent = await post(rig, 500)
    await pause(5_000)
    const q11 = await rig.client.query('Q11', {})
    expect(q11.status).toBe(200)
    const [row] = q11.body['rows'] as readonly Record<string, number>[]
    expect(row).toMatchObject({ consumer: 1, pending: 500 })
    expect(row!['oldest_pending_seconds']).toBeGreaterThan(4)
    expect(q11.headers.get('x-data-source')).toBe('postgres.outbox')
    await sink.fault('thaw')
    await untilReadable(storesOf(rig)[0]!, 500)
    expect([...(await heldBy(storesOf(rig)[0]!)).readable].sort()).toEqual(sent)
    await expect
      .poll(
        async () => (await rig.client.metrics()).get('headroom_outbox_pending_rows{consumer="1"}'),
        {
          timeout: 10_000,
        },
      )
      .toBe(0)
    expect((await rig.client.metrics()).get('headroom_outbox_dead_rows{consumer="1"}')).toBe(0)
  })

  it('brings every event to each of twelve consumers', async () => {
    await using rig = await startRig('outbox', { settings: { consumers: 12, concurrency: 2 } })
    const sent = await post(rig, 100)
    expect(storesOf(rig)).toHaveLength(12)
    for (const store of storesOf(rig)) {
      await untilReadable(store, 100)
      expect([...(await heldBy(store)).readable].sort()).toEqual(sent)
    }
  })

  it('gives up a row that its sink refuses, counts it, and delivers the others', async () => {
    await using rig = await startRig('outbox', { settings: { attemptsMax: 2, retryMs: 100 } })
    const { engine } = rig.up.engines[0]!
    const signal = AbortSignal.timeout(30_000)
    await engine.control.execute(
      `ALTER TABLE delivered_1 ADD CONSTRAINT poison CHECK (code <> 'poison')`,
      signal,
    )
    const poison = makeEvent({ code: 'poison' })
    await rig.client.post([makeEvent(), poison, makeEvent(), makeEvent()])
    await expect
      .poll(
        async () => (await rig.client.metrics()).get('headroom_outbox_dead_rows{consumer="1"}'),
        {
          timeout: 10_000,
        },
      )
      .toBe(1)
    await post(rig, 50)
    await untilReadable(storesOf(rig)[0]!, 53)
    expect((await heldBy(storesOf(rig)[0]!)).readable).not.toContain(keyOf(poison))
    // The business has it all the same: what was promised to the client is kept.
    expect((await heldBy(rig.up.running.stores[0]!)).readable).toContain(keyOf(poison))
  })

  it('leaves no event without its row and no row without its event when the service is killed', async () => {
    await using rig = await startRig('outbox', { settings: { consumers: 3 } })
    await partOf(rig, 'worker').fault('kill')
    let answered = 0
    const postUntilItDies = async (): Promise<void> => {
      for (;;) {
        await rig.client.post(Array.from({ length: 5 }, () => makeEvent()))
        answered++
      }
    }
    // Requests are under way at whatever moment it dies.
    const posting = Promise.allSettled(Array.from({ length: 50 }, postUntilItDies))
    await expect.poll(() => answered, { timeout: 10_000 }).toBeGreaterThan(0)
    await partOf(rig, 'service').fault('kill')
    await posting
    const pool = poolOf(addressOf(rig))
    // What the server had begun when the service died ends by itself, one way or the other.
    await expect
      .poll(
        () =>
          numberOf(
            pool,
            `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'headroom outbox'`,
          ),
        { timeout: 10_000 },
      )
      .toBe(0)
    const events = await numberOf(pool, 'SELECT count(*) AS n FROM events')
    expect(events).toBeGreaterThan(0)
    expect(await numberOf(pool, 'SELECT count(*) AS n FROM outbox')).toBe(events * 3)
    expect(
      await numberOf(
        pool,
        `SELECT count(*) AS n FROM events e LEFT JOIN (
            SELECT payload::json ->> 'transaction_id' AS transaction_id, count(*) AS queued FROM outbox GROUP BY 1
          ) AS o USING (transaction_id) WHERE o.queued IS DISTINCT FROM 3`,
      ),
    ).toBe(0)
    await pool.end()
  })
})
