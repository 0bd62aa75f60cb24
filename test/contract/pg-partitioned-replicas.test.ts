/** Day partitions with BRIN, read from replicas (mission-map A2): what lands where, what a replica reads, and what it follows. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { heldBy, untilReadable, type Rig } from './architecture-rig.ts'
import {
  postTo,
  readFrom,
  serverOf,
  startVariant,
  until,
  withClient,
  type Server,
} from './routed-reader.ts'
import { keyOf, makeEvent, type EventBody, type GetAnswer } from './service-client.ts'

const DAY_MS = 86_400_000
const PER_DAY = 50
/** Of the twelve at the start, without the last one ahead. */
const DAYS = [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2]
const ASKED_DAY = -3

const noon = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2
const dayAt = (days: number): string => new Date(noon + days * DAY_MS).toISOString()
const partitionOf = (timestamp: string): string =>
  `events_${timestamp.slice(0, 10).replaceAll('-', '_')}`

let rig: Rig
let primary: Server
let replicas: readonly Server[]

beforeAll(async () => {
  rig = await startVariant('pg-partitioned-replicas', {
    maintenance: 'own',
    maintenanceEveryS: 0.3,
    criticalLagMs: 1_500,
    searchLagMs: 60_000,
    breakerOpenMs: 300,
    breakerOpenMaxMs: 2_000,
  })
  primary = serverOf(rig, 'database')
  replicas = [serverOf(rig, 'replica-1'), serverOf(rig, 'replica-2')]
})
afterAll(async () => {
  await rig[Symbol.asyncDispose]()
})

const rowsOn = <Row extends object>(server: Server, text: string, values: unknown[] = []) =>
  withClient(server, async (client) => (await client.query<Row>(text, values)).rows)

const PARTITIONS = `SELECT relname::text AS name, pg_class.oid::text AS oid FROM pg_inherits
  JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'events'::regclass ORDER BY 1`
const partitionsOn = (server: Server) =>
  rowsOn<{ readonly name: string; readonly oid: string }>(server, PARTITIONS)

/** As soon as a replica answers it. */
async function byReplica(ask: () => Promise<GetAnswer>): Promise<GetAnswer> {
  let answer = await ask()
  await until('a replica answers', async () => {
    if (answer.headers.get('x-data-source')!.startsWith('replica-')) return true
    answer = await ask()
    return false
  })
  expect(answer.status).toBe(200)
  return answer
}

describe('pg-partitioned with replicas', () => {
  const organization_id = randomUUID()
  const events = DAYS.flatMap((days) =>
    Array.from({ length: PER_DAY }, () =>
      makeEvent({ organization_id, timestamp: dayAt(days), value: 1 }),
    ),
  )
  const window = { from: dayAt(ASKED_DAY - 0.5), to: dayAt(ASKED_DAY + 0.5) }

  it('puts each event into the partition of its day, on the primary and on both replicas', async () => {
    expect(rig.up.engines.map(({ role }) => role)).toEqual(['database', 'replica-1', 'replica-2'])
    expect(rig.up.promises.stores.map(({ store }) => store)).toEqual(
      rig.up.running.stores.map(({ name }) => name),
    )
    expect((await rig.client.post(events)).body.accepted).toBe(events.length)
    for (const store of rig.up.running.stores) await untilReadable(store, events.length)
    for (const server of [primary, ...replicas]) {
      const found = await rowsOn(
        server,
        'SELECT tableoid::regclass::text AS name, count(*)::int AS rows FROM events GROUP BY 1 ORDER BY 1',
      )
      const expected = DAYS.map((days) => ({ name: partitionOf(dayAt(days)), rows: PER_DAY }))
      expect(found).toEqual(expected)
      const [indexed] = await rowsOn<{ readonly brin: string }>(
        server,
        `SELECT count(*) AS brin FROM pg_indexes JOIN pg_class ON relname = tablename
          WHERE relispartition AND tablename LIKE 'events_2%' AND indexdef LIKE '%USING brin ("timestamp")'`,
      )
      expect(Number(indexed!.brin)).toBe((await partitionsOn(server)).length - 1)
    }
  })

  it('answers Q1 and Q2 of a day from a replica, which reads the partition of that day and no other', async () => {
    const q1 = await byReplica(() => rig.client.query('Q1', window))
    expect(q1.body['rows']).toEqual([{ organization_id, events: PER_DAY }])
    const q2 = await byReplica(() => rig.client.query('Q2', { ...window, organization_id }))
    expect(q2.body['rows']).toMatchObject([{ organization_id, events: PER_DAY, value: PER_DAY }])
    expect(Number(q2.headers.get('x-data-lag-seconds'))).toBeLessThan(300)
    for (const name of ['Q1', 'Q2']) {
      const asked = { ...window, ...(name === 'Q1' ? {} : { organization_id }), explain: '1' }
      const { body } = await byReplica(() => rig.client.query(name, asked))
      expect(body['meta']).toMatchObject({ rowsRead: PER_DAY })
    }
    for (const replica of replicas) {
      const plan = await rowsOn(
        replica,
        'EXPLAIN (FORMAT JSON) SELECT count(*) FROM events WHERE timestamp >= $1 AND timestamp < $2',
        [window.from, window.to],
      )
      const read = [...JSON.stringify(plan).matchAll(/"Relation Name":"(\w+)"/g)].map(
        ([, name]) => name,
      )
      expect(read).toEqual([partitionOf(window.from)])
    }
  })

  it('looks one event up on a replica by its identity, in one partition', async () => {
    const { organization_id, transaction_id } = events[0]!
    const asked = { organization_id, transaction_id }
    const found = await byReplica(() => rig.client.event(asked))
    expect(found.body['event']).toMatchObject(asked)
    const explained = await byReplica(() => rig.client.query('Q4', { ...asked, explain: '1' }))
    const { plan } = explained.body['meta'] as { readonly plan: { readonly nodes: string[] } }
    expect(plan.nodes).not.toContain('Append')
    const nobody = await readFrom(rig, makeEvent(), { 'x-read-class': 'analytics' })
    expect(nobody).toMatchObject({ status: 404, level: 'eventual' })
  })

  it('shows on both replicas what is made ahead on the primary, and what is written there', async () => {
    const ahead = partitionOf(dayAt(3))
    const before = await partitionsOn(primary)
    const old = before.find(({ name }) => name === ahead)!
    await rowsOn(primary, `DROP TABLE ${ahead}`)
    for (const server of [primary, ...replicas]) {
      await until('it is made anew', async () =>
        (await partitionsOn(server)).some(({ name, oid }) => name === ahead && oid !== old.oid),
      )
    }
    const event = await postTo(rig, makeEvent({ timestamp: dayAt(3) }))
    await until('a replica has it', async () => {
      const { source, status } = await readFrom(rig, event, { 'x-consistency-token': event.token })
      expect(status).toBe(200)
      return source.startsWith('replica-')
    })
    for (const replica of replicas) {
      await until('it lies there', async () => {
        const [row] = await rowsOn<{ readonly rows: string }>(
          replica,
          `SELECT count(*) AS rows FROM ${ahead} WHERE transaction_id = $1`,
          [event.transaction_id],
        )
        return row?.rows === '1'
      })
      expect(await partitionsOn(replica)).toEqual(await partitionsOn(primary))
    }
  })

  it('is held up on the replica whose report reads what the worker locks, whatever hot_standby_feedback says', async () => {
    const [reading] = replicas
    const lagsS = async () => {
      const metrics = await rig.client.metrics()
      return [1, 2].map((number) =>
        metrics.get(`headroom_replica_heartbeat_lag_seconds{replica="replica-${String(number)}"}`),
      )
    }
    await withClient(reading!, async (report) => {
      expect((await report.query('SHOW hot_standby_feedback')).rows).toEqual([
        { hot_standby_feedback: 'on' },
      ])
      await report.query('BEGIN')
      await report.query('SELECT count(*) FROM events_default')
      // The worker attaches another range: for a moment nobody may read the default partition.
      await rowsOn(primary, `DROP TABLE ${partitionOf(dayAt(3))}`)
      await until('replay waits for the report, and only there', async () => {
        const [lagS = 0, otherLagS = Number.POSITIVE_INFINITY] = await lagsS()
        return lagS > 1 && otherLagS < lagS
      })
      await report.query('COMMIT')
    })
    await until('it goes on', async () => {
      const [lagS = Number.POSITIVE_INFINITY] = await lagsS()
      return lagS < 1
    })
  })

  it('loses and repeats nothing on any copy where the worker is killed under load', async () => {
    const worker = rig.up.running.parts.find(({ kind }) => kind === 'worker')!
    const before = (await heldBy(rig.up.running.stores[0]!)).rows
    const far = ['1999-01-01T00:00:00Z', '2040-01-01T00:00:00Z']
    const sent: EventBody[] = []
    let stop = false
    let days = 0
    const load = async (): Promise<void> => {
      while (!stop) {
        // One day after the other becomes old enough to be news to the worker.
        const at = [dayAt(0), dayAt(-days), dayAt(-1), far[days % 2]!]
        const batch = at.map((timestamp) => makeEvent({ timestamp }))
        const answer = await rig.client.post(batch)
        expect(answer).toMatchObject({ status: 200, body: { accepted: 4, rejected: 0 } })
        sent.push(...batch)
        days = (days + 1) % 40
      }
    }
    const loads = [load(), load()]
    for (let kill = 0; kill < 4; kill++) {
      await delay(350 + kill * 70)
      await worker.fault('kill')
      await worker.fault('restart')
    }
    stop = true
    await Promise.all(loads)
    const waiting = sent.filter(({ timestamp }) => far.includes(timestamp)).length
    const expected = [...before, ...sent.map(keyOf)].toSorted()
    for (const server of [primary, ...replicas]) {
      await until('what fits a day has found its partition', async () => {
        const [row] = await rowsOn<{ readonly rows: number }>(
          server,
          'SELECT count(*)::int AS rows FROM events_default',
        )
        return row?.rows === waiting
      })
    }
    for (const store of rig.up.running.stores) {
      await untilReadable(store, expected.length)
      expect((await heldBy(store)).rows.toSorted()).toEqual(expected)
    }
    for (const replica of replicas) {
      expect(await partitionsOn(replica)).toEqual(await partitionsOn(primary))
    }
  })
})
