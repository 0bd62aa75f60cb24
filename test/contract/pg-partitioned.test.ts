/** pg-partitioned where its partitions come and go: ranges made under load, rows out of all ranges, each way of dedup. */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { ENGINES, heldBy, startRig, type Rig } from './architecture-rig.ts'
import { clientOf } from './rig-sql.ts'
import { keyOf, makeEvent, type EventBody } from './service-client.ts'

const HOUR_MS = 3_600_000
const hoursFromNow = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString()
const ROOT = 'events'
const isRequired = process.env['HEADROOM_REQUIRE_ALL'] !== undefined

async function one<T>(client: pg.Client, sql: string): Promise<T> {
  const { rows } = await client.query<{ answer: T }>(`SELECT (${sql}) AS answer`)
  return rows[0]!.answer
}

const partitionsOf = (client: pg.Client): Promise<readonly string[]> =>
  one(
    client,
    `SELECT coalesce(array_agg(relname::text ORDER BY relname), '{}') FROM pg_inherits
       JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '${ROOT}'::regclass`,
  )
const waitingRows = (client: pg.Client): Promise<string> =>
  one(client, 'SELECT count(*) FROM events_default')
const storedKeys = async (rig: Rig): Promise<readonly string[]> =>
  (await heldBy(rig.up.running.stores[0]!)).rows.toSorted()
const keysOf = (events: readonly EventBody[]): readonly string[] => events.map(keyOf).toSorted()
const accepted = { accepted: 1, duplicate: 0, rejected: 0 }
const repeated = { accepted: 0, duplicate: 1, rejected: 0 }

describe('pg-partitioned dedup', () => {
  const sentAgain = async (dedup: string, partitionBy = 'hour') => {
    await using rig = await startRig('pg-partitioned', {
      settings: { dedup, partitionBy, partitions: 5, partitionsAhead: 2 },
    })
    const first = makeEvent({ timestamp: hoursFromNow(0) })
    const elsewhere = { ...first, timestamp: hoursFromNow(-1) }
    const outside = { ...first, timestamp: '2031-01-01T00:00:00Z' }
    const answers = []
    for (const body of [first, first, elsewhere, outside]) {
      const { items, ...counts } = (await rig.client.post(body)).body
      expect(items?.length ?? 0).toBe(counts.duplicate)
      answers.push(counts)
    }
    // The same in company: many rows travel in another statement than one.
    const others = [
      makeEvent({ timestamp: hoursFromNow(0) }),
      makeEvent({ timestamp: hoursFromNow(-1) }),
    ]
    answers.push((await rig.client.post([...others, elsewhere])).body.duplicate)
    expect(rig.up.promises.stores[0]!.duplicates).toBe(dedup === 'none' ? 'kept' : 'one-row')
    const copies = (await storedKeys(rig)).filter((key) => key === keyOf(first)).length
    const found = await rig.client.event(first)
    expect(found.body['event']).toMatchObject({ transaction_id: first.transaction_id })
    return { answers, copies, ack: rig.up.promises.ack }
  }

  it('identity-table tells a repeat whatever its timestamp', async () => {
    const { answers, copies } = await sentAgain('identity-table')
    expect(answers).toEqual([accepted, repeated, repeated, repeated, 1])
    expect(copies).toBe(1)
  })

  it('key tells a repeat with the same timestamp only, and its promise says so', async () => {
    const { answers, copies, ack } = await sentAgain('key')
    expect(answers).toEqual([accepted, repeated, accepted, accepted, 1])
    expect(copies).toBe(3)
    expect(ack).toContain('only with the same timestamp')
  })

  it('key by hash is exact', async () => {
    const { answers, copies } = await sentAgain('key', 'hash')
    expect(answers).toEqual([accepted, repeated, repeated, repeated, 1])
    expect(copies).toBe(1)
  })

  it('none keeps them all, and its promise says so', async () => {
    const { answers, copies, ack } = await sentAgain('none')
    expect(answers).toEqual([accepted, accepted, accepted, accepted, 0])
    expect(copies).toBe(5)
    expect(ack).toContain('stored again')
  })
})

/** Who can look after partitions here. */
const MAKERS: readonly ('own' | 'pg_partman')[] =
  ENGINES === 'embedded' && (findPackage('pg_partman') !== null || isRequired)
    ? ['own', 'pg_partman']
    : ['own']

describe.each(MAKERS)('pg-partitioned maintenance by %s', (maintenance) => {
  /** Of ranges ahead pg_partman counts from the moment, not from the beginning of its range: it may have one more. */
  const oneMore = maintenance === 'own' ? 0 : 1
  const nameOf = maintenance === 'own' ? /^events_2\d{3}_/ : /^events_p2\d{7}/

  it('makes what is missing ahead, moves rows there that had to wait, and says who did', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: { maintenance, partitionBy: 'hour', partitionsAhead: 3, maintenanceEveryS: 0.3 },
    })
    const sql = await clientOf(rig)
    expect(rig.up.facts.decided).toEqual([
      expect.stringMatching(
        maintenance === 'own'
          ? /by the worker itself \(maintenance: own\)$/
          : /by pg_partman 5\.\S+ \(maintenance: pg_partman\)$/,
      ),
    ])
    await expect
      .poll(async () => (await partitionsOf(sql)).length, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(13)
    const last = (await partitionsOf(sql)).filter((name) => nameOf.test(name)).at(-1)!
    const waiting = makeEvent({ timestamp: hoursFromNow(3) })
    // In one transaction: nobody makes it anew before a row has to wait for it.
    await sql.query(
      `BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE;
       DROP TABLE ${(await partitionsOf(sql))
         .filter((name) => nameOf.test(name))
         .slice(-2)
         .join(', ')}`,
    )
    const answer = rig.client.post(waiting)
    await expect
      .poll(() => one(sql, `SELECT count(*)::int FROM pg_locks WHERE NOT granted`))
      .toBeGreaterThan(0)
    await sql.query('COMMIT')
    expect((await answer).body).toEqual(accepted)
    // pg_partman goes on from the newest row: then there are later ones besides.
    await expect.poll(() => partitionsOf(sql), { timeout: 10_000 }).toContain(last)
    await expect.poll(() => waitingRows(sql), { timeout: 10_000 }).toBe('0')
    expect(await storedKeys(rig)).toEqual(keysOf([waiting]))
    if (maintenance === 'pg_partman') {
      const known = await one<number>(
        sql,
        `SELECT count(*)::int FROM partman.show_partitions('public.events')`,
      )
      expect(known).toBe((await partitionsOf(sql)).length - 1)
    }
    await sql.end()
  })

  it('gives rows that waited their partition under load, killed in between, and loses and repeats none', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: { maintenance, partitionBy: 'hour', partitions: 2, maintenanceEveryS: 0.2 },
    })
    const sql = await clientOf(rig)
    const worker = rig.up.running.parts.find(({ kind }) => kind === 'worker')!
    expect((await partitionsOf(sql)).length).toBeOneOf([3, 3 + oneMore])
    const far = ['1999-01-01T00:00:00Z', '2040-01-01T00:00:00Z']
    const sent: EventBody[] = []
    let stop = false
    let hours = 0
    const load = async (): Promise<void> => {
      while (!stop) {
        // One range after the other becomes old enough to be news to the worker.
        const at = [hoursFromNow(0), hoursFromNow(-hours), hoursFromNow(-1), far[sent.length % 2]!]
        const events = at.map((timestamp) => makeEvent({ timestamp }))
        const answer = await rig.client.post(events)
        expect(answer).toMatchObject({ status: 200, body: { accepted: 4, rejected: 0 } })
        sent.push(...events)
        hours = (hours + 1) % 40
      }
    }
    const loads = [load(), load(), load()]
    for (let kill = 0; kill < 4; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 350 + kill * 70))
      await worker.fault('kill')
      await worker.fault('restart')
    }
    stop = true
    await Promise.all(loads)
    // What is too far away waits on; all others have found their partition.
    await expect
      .poll(() => waitingRows(sql), { timeout: 10_000 })
      .toBe(String(sent.filter(({ timestamp }) => far.includes(timestamp)).length))
    expect((await partitionsOf(sql)).length).toBeGreaterThan(10)
    expect(await storedKeys(rig)).toEqual(keysOf(sent))
    // A half-made partition would be a table that belongs to nothing.
    const strays = await one(
      sql,
      `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND NOT relispartition AND relname LIKE 'events%'`,
    )
    expect(strays).toBe('0')
    await sql.end()
  })

  it('rejects alone what fits no range where it is told so, with the reason', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: { maintenance, partitionBy: 'hour', outOfRange: 'reject' },
    })
    const inside = [
      makeEvent({ timestamp: hoursFromNow(0) }),
      makeEvent({ timestamp: hoursFromNow(3) }),
    ]
    const outside = [
      makeEvent({ timestamp: hoursFromNow(-9) }),
      makeEvent({ timestamp: hoursFromNow(5) }),
    ]
    const answer = await rig.client.post([inside[0], ...outside, inside[1]])
    expect(answer.body).toMatchObject({ accepted: 2, duplicate: 0, rejected: 2 })
    expect(
      answer.body.items?.map(({ index, reason }) => [
        index,
        /23514.*no partition/.test(reason ?? ''),
      ]),
    ).toEqual([
      [1, true],
      [2, true],
    ])
    expect(await storedKeys(rig)).toEqual(keysOf(inside))
    // Nothing of them is left behind: sent again with a time that fits, they are new.
    const again = outside.map((event) => ({ ...event, timestamp: hoursFromNow(0) }))
    expect((await rig.client.post(again)).body.accepted).toBe(2)
  })

  it('drops whole partitions past retention, with their identities, and nothing younger', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: {
        maintenance,
        partitionBy: 'hour',
        partitions: 8,
        partitionsAhead: 1,
        retainPartitions: 2,
        maintenanceEveryS: 0.3,
      },
    })
    const sql = await clientOf(rig)
    await expect
      .poll(async () => (await partitionsOf(sql)).length, { timeout: 10_000 })
      .toBeOneOf([5, 5 + oneMore])
    const kept = [0, -1, -2].map((hours) => makeEvent({ timestamp: hoursFromNow(hours) }))
    const old = [
      makeEvent({ timestamp: hoursFromNow(-4) }),
      makeEvent({ timestamp: '1999-01-01T00:00:00Z' }),
    ]
    const answer = await rig.client.post([...kept, ...old])
    expect(answer.body).toMatchObject({ accepted: 3, rejected: 2 })
    const reasons = answer.body.items?.map(({ reason }) => reason ?? '') ?? []
    expect(reasons.filter((reason) => reason.startsWith('past retention'))).toHaveLength(2)
    // What got in when it was young.
    for (const { organization_id, transaction_id, timestamp } of old) {
      const identity = [organization_id, transaction_id, timestamp]
      await sql.query(`INSERT INTO event_identities VALUES ($1, $2, $3)`, identity)
      await sql.query(
        `INSERT INTO events (organization_id, transaction_id, timestamp, external_customer_id, code)
         VALUES ($1, $2, $3, 'c', 'c')`,
        identity,
      )
    }
    await expect.poll(() => storedKeys(rig), { timeout: 10_000 }).toEqual(keysOf(kept))
    await expect.poll(() => one(sql, 'SELECT count(*) FROM event_identities')).toBe('3')
    await sql.end()
  })

  it('makes as many partitions as it is asked for, and plans over all of them', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: { maintenance, partitions: 365, dedup: 'key' },
    })
    const sql = await clientOf(rig)
    expect((await partitionsOf(sql)).length).toBeOneOf([366, 366 + oneMore])
    const event = makeEvent({ timestamp: hoursFromNow(0) })
    expect((await rig.client.post(event)).body).toEqual(accepted)
    expect((await rig.client.event(event)).status).toBe(200)
    expect(await waitingRows(sql)).toBe('0')
    await sql.end()
    const { probes } = rig.up.engines[0]!.engine
    const samplesOf = (name: string) =>
      probes.find((probe) => probe.name === name)!.sample(AbortSignal.timeout(20_000))
    expect(await samplesOf('postgres.partitions')).toEqual([
      { metric: 'partition.count', label: ROOT, value: expect.toBeOneOf([365, 365 + oneMore]) },
      { metric: 'partition.ahead', label: ROOT, value: expect.toBeOneOf([3, 3 + oneMore]) },
      { metric: 'partition.waitingRows', label: ROOT, value: 0 },
    ])
    const [plan] = await samplesOf('postgres.events.plan')
    expect(plan).toMatchObject({ metric: 'query.planMs', label: 'postgres.events' })
    expect(plan!.value).toBeGreaterThan(0)
  })
})

describe.skipIf(ENGINES === 'compose')('pg-partitioned on a server without pg_partman', () => {
  it('does without where it may, and says how to get it where it may not', async () => {
    vi.stubEnv('HEADROOM_ENGINES_DIR', '/nonexistent')
    try {
      await expect(
        startRig('pg-partitioned', { settings: { maintenance: 'pg_partman' } }),
      ).rejects.toMatchObject({
        code: 'ENGINE_MISSING',
        hint: expect.stringContaining('headroom engines install pg_partman'),
      })
      await using rig = await startRig('pg-partitioned')
      expect(rig.up.facts.decided).toEqual([
        'partitions are made ahead and dropped by the worker itself: this server has no pg_partman (maintenance: auto)',
      ])
      expect((await rig.client.post(makeEvent({ timestamp: hoursFromNow(0) }))).body).toEqual(
        accepted,
      )
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe.runIf(MAKERS.includes('pg_partman'))('pg-partitioned on a server of your own', () => {
  it('leaves pg_partman alone in a database that is shared, and refuses it with the right that is missing', async () => {
    await expect(
      startRig('pg-partitioned', { settings: { maintenance: 'pg_partman' }, ground: 'own' }),
    ).rejects.toMatchObject({
      code: 'ENGINE_RIGHTS_MISSING',
      hint: expect.stringContaining('CREATEDB'),
    })
  })
})

describe.skipIf(ENGINES === 'compose')('pg-partitioned publication', () => {
  it('shows a consumer one table, whichever partitions hold the rows and wherever they are moved', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: { partitionBy: 'hour', partitions: 2, maintenanceEveryS: 0.2 },
      engines: { database: { settings: { wal_level: 'logical' } } },
    })
    const sql = await clientOf(rig)
    await sql.query(`SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')`)
    const events = [0, -1, -2, 90_000].map((hours) => makeEvent({ timestamp: hoursFromNow(hours) }))
    await rig.client.post(events)
    await expect.poll(() => waitingRows(sql), { timeout: 10_000 }).toBe('1')
    await sql.query(
      `UPDATE events SET value = 1 WHERE transaction_id = '${events[0]!.transaction_id}'`,
    )
    const { rows } = await sql.query<{ data: Buffer }>(
      `SELECT data FROM pg_logical_slot_get_binary_changes('cdc', NULL, NULL,
         'proto_version', '1', 'publication_names', 'events')`,
    )
    const kinds = rows.map(({ data }) => String.fromCharCode(data[0]!))
    expect(kinds.filter((kind) => kind === 'I').length).toBe(events.length)
    expect(kinds.filter((kind) => 'UDT'.includes(kind))).toEqual([])
    // Insert: the relation's id, which is the root's. (That a partition is described as well tells nobody anything.)
    const relations = rows
      .filter(({ data }) => data[0] === 'I'.charCodeAt(0))
      .map(({ data }) => data.readUInt32BE(1))
    const root = await one<number>(sql, `SELECT '${ROOT}'::regclass::oid::int`)
    expect([...new Set(relations)]).toEqual([root])
    const identities = await one(
      sql,
      `SELECT array_agg(DISTINCT relreplident::text) FROM pg_partition_tree('events') JOIN pg_class ON oid = relid
        WHERE EXISTS (SELECT FROM pg_index WHERE indrelid = oid AND indisprimary)`,
    )
    expect(identities).toEqual(['d'])
    await sql.query(`SELECT pg_drop_replication_slot('cdc')`)
    await sql.end()
  })
})

describe('pg-partitioned by hash', () => {
  it('spreads organizations over as many partitions as asked, without a worker', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: { partitionBy: 'hash', partitions: 4 },
    })
    expect(rig.up.running.parts.map(({ kind }) => kind)).toEqual(['service'])
    const sql = await clientOf(rig)
    const events = Array.from({ length: 60 }, () => makeEvent({ organization_id: randomUUID() }))
    expect((await rig.client.post(events)).body.accepted).toBe(60)
    expect(await one(sql, 'SELECT count(DISTINCT tableoid)::int FROM events')).toBe(4)
    expect(await storedKeys(rig)).toEqual(keysOf(events))
    await sql.end()
  })
})
