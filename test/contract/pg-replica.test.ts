/** pg-replica on a real primary and a real replica: what is known of its lag, who answers, and what a reader sees of his own writes. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Heartbeat } from '../../reference-impl/service-kit/freshness/heartbeat.ts'
import {
  ReplicaWatch,
  type ReplicaSample,
} from '../../reference-impl/service-kit/freshness/replica-watch.ts'
import { startRig, type Rig } from './architecture-rig.ts'
import {
  LENIENT,
  postTo,
  readFrom,
  serverOf,
  setOn,
  until,
  withClient,
  type Posted,
  type ReadBack,
  type Server,
} from './routed-reader.ts'

const signal = AbortSignal.timeout(170_000)

let rig: Rig
let primary: Server
let replica: Server

beforeAll(async () => {
  rig = await startRig('pg-replica', { settings: LENIENT })
  primary = serverOf(rig, 'database')
  replica = serverOf(rig, 'replica')
})
afterAll(async () => {
  await rig[Symbol.asyncDispose]()
})

const setOnReplica = (name: string, value: string) => setOn(replica, name, value)
const metric = async (name: string) => (await rig.client.metrics()).get(name) ?? 0
const breakerOf = (readClass: string) =>
  metric(`headroom_replica_breaker_open{replica="replica-1",class="${readClass}"}`)
const openingsOf = (readClass: string) =>
  metric(`headroom_breaker_openings_total{replica="replica-1",class="${readClass}"}`)

const settled = () =>
  until('the breaker is closed', async () => (await breakerOf('critical')) === 0)

describe('the heartbeat', () => {
  it.each([20, 50, 200])(
    'recovers an injected delay of %d ms within one sampling interval',
    async (delayMs) => {
      const intervalMs = 10
      const source = `test ${randomUUID()}`
      const options = { name: 'test', source, intervalMs, log: () => undefined }
      await setOnReplica('recovery_min_apply_delay', `${String(delayMs)}ms`)
      try {
        await using heartbeat = await Heartbeat.open(primary.addressFor('session'), options)
        const samples: ReplicaSample[] = []
        await using watch = new ReplicaWatch(replica.addressFor('session'), {
          ...options,
          beat: () => heartbeat.last,
          onSample: (sample) => {
            if (sample !== null) samples.push(sample)
          },
        })
        await until('it answers', () => Promise.resolve(watch.sample !== null))
        await delay(2 * delayMs)
        samples.length = 0
        const truth = await visibleBeats(source, 250)
        const lagMs = medianOf(samples.map(({ heartbeatLagMs }) => heartbeatLagMs))
        // A busy machine stretches beats as it stretches delays: what counts is how far apart they really were.
        const resolutionMs = Math.max(intervalMs, truth.gapMs)
        expect(Math.abs(lagMs - truth.delayMs)).toBeLessThanOrEqual(resolutionMs)
        expect(truth.delayMs).toBeGreaterThan(delayMs)
        // No sample claims less than what is missing for certain.
        expect(samples.filter(({ lagAtMostMs }) => lagAtMostMs < delayMs - 1)).toEqual([])
      } finally {
        await setOnReplica('recovery_min_apply_delay', '0')
      }
    },
  )
})

/**
 * The truth by another road: both servers of this test run on one machine, so its clock says when each beat became visible on
 * the replica. Out: how long they took, and how far apart they were.
 */
async function visibleBeats(
  source: string,
  beats: number,
): Promise<{ readonly delayMs: number; readonly gapMs: number }> {
  const seen: { readonly tsMs: number; readonly delayMs: number }[] = []
  await withClient(replica, async (client) => {
    while (seen.length < beats) {
      const { rows } = await client.query<{ ts: number; now: number }>(
        `SELECT extract(epoch FROM ts)::float8 * 1000 AS ts,
                extract(epoch FROM clock_timestamp())::float8 * 1000 AS now
           FROM heartbeat WHERE source = $1`,
        [source],
      )
      const { ts, now } = rows[0]!
      if (ts !== seen.at(-1)?.tsMs) seen.push({ tsMs: ts, delayMs: now - ts })
    }
  })
  // The first was seen late: it was there before.
  const whole = seen.slice(1)
  return {
    delayMs: medianOf(whole.map((beat) => beat.delayMs)),
    gapMs: medianOf(whole.slice(1).map(({ tsMs }, index) => tsMs - whole[index]!.tsMs)),
  }
}

function medianOf(values: readonly number[]): number {
  expect(values.length).toBeGreaterThan(50)
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

const post = () => postTo(rig)
const read = (event: Posted, headers: Readonly<Record<string, string>>) =>
  readFrom(rig, event, headers)

describe('a reader of his own writes', () => {
  it('finds 500 of 500 while replay is late, on the replica where it can', async () => {
    await settled()
    await setOnReplica('recovery_min_apply_delay', '100ms')
    try {
      const found: ReadBack[] = []
      let missedWithoutToken = 0
      const pair = async (): Promise<void> => {
        const event = await post()
        const careless = await read(event, { 'x-read-class': 'analytics' })
        if (careless.status === 404) missedWithoutToken++
        await delay(Math.random() * 400)
        found.push(await read(event, { 'x-consistency-token': event.token }))
      }
      const reader = async (): Promise<void> => {
        for (let time = 0; time < 25; time++) await pair()
      }
      await Promise.all(Array.from({ length: 20 }, reader))
      expect(found).toHaveLength(500)
      expect(found.filter(({ status }) => status !== 200)).toEqual([])
      // Some had to ask the primary, some did not; and who carries no token does miss what he wrote.
      const levels = new Set(found.map(({ source, level }) => `${source} ${level}`))
      expect(levels).toEqual(new Set(['postgres.events strong', 'replica-1.events session']))
      expect(missedWithoutToken).toBeGreaterThan(50)
    } finally {
      await setOnReplica('recovery_min_apply_delay', '0')
    }
  })
})

describe('the breaker', () => {
  it('opens while replay is paused and closes after it, and nobody reads beyond his budget', async () => {
    await settled()
    const openingsBefore = await openingsOf('critical')
    const acked: { readonly event: Posted; readonly atMs: number }[] = []
    const reads: ReadBack[] = []
    const over = new AbortController()
    const traffic = (async () => {
      while (!over.signal.aborted) {
        const event = await post()
        acked.push({ event, atMs: performance.now() })
        // Acknowledged longer ago than the budget: by its class no copy may miss it any more, with no token to help.
        const due = acked.filter(({ atMs }) => performance.now() - atMs > LENIENT.criticalLagMs)
        const old = due.at(-1)
        if (old !== undefined) {
          const answer = await read(old.event, {})
          expect(answer.status).toBe(200)
          reads.push(answer)
        }
        await delay(5)
      }
    })()
    const sinceNow = () => {
      const from = reads.length
      return () => new Set(reads.slice(from).map(({ source }) => source))
    }
    const fromReplica = sinceNow()
    await until('the replica answers', () => Promise.resolve(fromReplica().has('replica-1.events')))
    await replica.control.execute('SELECT pg_wal_replay_pause()', signal)
    await until('it opens', async () => (await breakerOf('critical')) === 1)
    const whileOpen = sinceNow()
    await delay(2_500)
    expect([...whileOpen()]).toEqual(['postgres.events'])
    // Reports may be older, and stay where they are.
    expect(await breakerOf('analytics')).toBe(0)
    await replica.control.execute('SELECT pg_wal_replay_resume()', signal)
    await until('it closes', async () => (await breakerOf('critical')) === 0)
    const afterwards = sinceNow()
    await until('the replica answers again', () =>
      Promise.resolve(afterwards().has('replica-1.events')),
    )
    await delay(1_000)
    over.abort()
    await traffic
    expect(reads.filter(({ lagS }) => lagS * 1_000 > LENIENT.criticalLagMs)).toEqual([])
    expect(await openingsOf('critical')).toBe(openingsBefore + 1)
  })

  it('lets the replica answer while the primary is frozen, and says that it is stale', async () => {
    await settled()
    const event = await post()
    await read(event, { 'x-consistency-token': event.token })
    const part = primary.parts[0]!
    await part.fault('freeze')
    try {
      const path = `/v1/events/${event.organization_id}/${event.transaction_id}`
      const url = new URL(path, rig.up.running.ingestUrl)
      await until('a stale answer comes', async () => {
        const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null)
        const body = (await response?.json()) as { readonly stale?: boolean } | undefined
        return response?.status === 200 && body?.stale === true
      })
    } finally {
      await part.fault('thaw')
    }
    await settled()
  })
})

/** mission-map C24: a vacuum on the primary wants what a long query on the replica still reads. */
describe('a long query on the replica', () => {
  const LONG = 'SELECT count(*), (SELECT pg_sleep(8)) FROM long_read'

  /** Deletes and vacuums what the query reads, once it runs; out: what vacuum said. */
  async function vacuumUnder(whenReady: () => Promise<boolean>): Promise<string> {
    await until('the query runs', () =>
      withClient(replica, async (client) => {
        const { rowCount } = await client.query(
          `SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT count(*), (SELECT pg_sleep%' AND state = 'active'`,
        )
        return rowCount === 1 && (await whenReady())
      }),
    )
    return await withClient(primary, async (client) => {
      const said: string[] = []
      client.on('notice', ({ message }) => said.push(message ?? ''))
      await client.query('DELETE FROM long_read')
      await client.query('VACUUM (VERBOSE) long_read')
      return said.join('\n')
    })
  }

  async function longRead(): Promise<{ readonly error: string | null }> {
    return await withClient(replica, async (client) => {
      try {
        await client.query(LONG)
        return { error: null }
      } catch (error) {
        return { error: (error as { readonly code?: string }).code ?? 'unknown' }
      }
    })
  }

  async function fill(): Promise<void> {
    await primary.control.execute(
      `CREATE TABLE IF NOT EXISTS long_read (x int) WITH (autovacuum_enabled = off);
       INSERT INTO long_read SELECT generate_series(1, 1000)`,
      signal,
    )
    await until('it has arrived', () =>
      withClient(replica, async (client) => {
        const { rows } = await client.query<{ n: number }>(
          'SELECT count(*)::int AS n FROM long_read',
        )
        return rows[0]?.n === 1_000
      }),
    )
  }

  it('is cancelled where replay may wait for it only briefly', async () => {
    await fill()
    await setOnReplica('max_standby_streaming_delay', '200ms')
    const reading = longRead()
    expect(await vacuumUnder(() => Promise.resolve(true))).toContain('1000 removed')
    expect(await reading).toEqual({ error: '40001' })
  })

  it('holds replay up where that may wait, and the lag grows', async () => {
    await fill()
    await setOnReplica('max_standby_streaming_delay', '-1')
    const reading = longRead()
    await vacuumUnder(() => Promise.resolve(true))
    await until('the lag is beyond a second', async () => {
      return (await metric('headroom_replica_heartbeat_lag_seconds{replica="replica-1"}')) > 1
    })
    expect(await reading).toEqual({ error: null })
    await settled()
  })

  it('is left alone with hot_standby_feedback, and the primary keeps the dead rows', async () => {
    await fill()
    await setOnReplica('max_standby_streaming_delay', '200ms')
    await setOnReplica('wal_receiver_status_interval', '1s')
    await setOnReplica('hot_standby_feedback', 'on')
    const reading = longRead()
    const said = await vacuumUnder(() =>
      withClient(primary, async (client) => {
        const { rowCount } = await client.query(
          'SELECT FROM pg_replication_slots WHERE xmin IS NOT NULL',
        )
        return rowCount === 1
      }),
    )
    expect(said).toContain('1000 are dead but not yet removable')
    expect(await reading).toEqual({ error: null })
  })
})
