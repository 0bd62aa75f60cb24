/** pg-replica with two replicas: reads go over both, each is told apart by its lag, and one may be away while the other goes on. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sample } from '../../src/collect/probe.ts'
import { heldBy, untilReadable, type Rig } from './architecture-rig.ts'
import { makeEvent } from './service-client.ts'
import {
  LENIENT,
  postTo,
  readFrom,
  serverOf,
  setOn,
  startVariant,
  until,
  withClient,
  type Posted,
  type ReadBack,
  type Server,
} from './routed-reader.ts'

const signal = AbortSignal.timeout(400_000)
const NAMES = ['replica-1', 'replica-2'] as const
const FROM_BOTH = NAMES.map((name) => `${name}.events`)

let rig: Rig
let primary: Server
let first: Server
let second: Server

beforeAll(async () => {
  rig = await startVariant('pg-replica-two', LENIENT)
  primary = serverOf(rig, 'database')
  first = serverOf(rig, 'replica-1')
  second = serverOf(rig, 'replica-2')
})
afterAll(async () => {
  await rig[Symbol.asyncDispose]()
})

const lagLine = (name: string) => `headroom_replica_heartbeat_lag_seconds{replica="${name}"}`
async function lagsS(): Promise<readonly (number | undefined)[]> {
  const metrics = await rig.client.metrics()
  return NAMES.map((name) => metrics.get(lagLine(name)))
}
async function breakers(readClass: string): Promise<readonly (number | undefined)[]> {
  const metrics = await rig.client.metrics()
  return NAMES.map((name) =>
    metrics.get(`headroom_replica_breaker_open{replica="${name}",class="${readClass}"}`),
  )
}
const settled = () =>
  until('both answer, and their breakers are closed', async () => {
    const lags = await lagsS()
    return (
      lags.every((lagS) => lagS !== undefined) &&
      [...(await breakers('critical')), ...(await breakers('analytics'))].every(
        (open) => open === 0,
      )
    )
  })
const asOwnWrite = ({ token }: Posted) => ({ 'x-consistency-token': token })
const reads = async (times: number, event: Posted, headers: Readonly<Record<string, string>>) => {
  const found = []
  for (let time = 0; time < times; time++) found.push(await readFrom(rig, event, headers))
  return found
}
const from = (name: string, found: readonly ReadBack[]) =>
  found.filter(({ source }) => source === `${name}.events`)

/** Of the primary's own view of who follows it. */
async function seenByPrimary(metric: string): Promise<readonly Sample[]> {
  const all = await Promise.all(primary.probes.map((probe) => probe.sample(signal)))
  return all.flat().filter((sample) => sample.metric === metric)
}
async function routedSamples(metric: string): Promise<readonly Sample[]> {
  const probe = rig.up.running.probes.find(({ name }) => name === 'service freshness')!
  return (await probe.sample(signal)).filter((sample) => sample.metric === metric)
}

describe('two replicas', () => {
  it('both follow, and of both is promised and read what they hold', async () => {
    expect(rig.up.engines.map(({ role }) => role)).toEqual(['database', ...NAMES])
    const { stores } = rig.up.running
    expect(stores.map(({ name }) => name)).toEqual(['postgres.events', ...FROM_BOTH])
    expect(rig.up.promises.stores.map(({ store, readAfterAck }) => [store, readAfterAck])).toEqual([
      ['postgres.events', 'at-once'],
      ...FROM_BOTH.map((store) => [store, 'eventually']),
    ])
    const events = Array.from({ length: 200 }, () => makeEvent())
    expect((await rig.client.post(events)).body.accepted).toBe(events.length)
    const held = (await heldBy(stores[0]!)).rows.toSorted()
    for (const store of stores.slice(1)) {
      await untilReadable(store, held.length)
      expect((await heldBy(store)).rows.toSorted()).toEqual(held)
    }
  })

  it('share the reads, each counted by its name', async () => {
    await settled()
    const event = await postTo(rig)
    await until('both have it', async () => {
      const found = await reads(2, event, { 'x-read-class': 'analytics' })
      return found.every(({ status }) => status === 200)
    })
    const found = await reads(40, event, { 'x-read-class': 'analytics' })
    expect(found.filter(({ status }) => status !== 200)).toEqual([])
    for (const name of NAMES) expect(from(name, found).length).toBeGreaterThan(10)
    const metrics = await rig.client.metrics()
    for (const source of FROM_BOTH) {
      expect(metrics.get(`headroom_reads_total{source="${source}"}`)).toBeGreaterThan(10)
    }
  })

  it('both honour a token, also where one is later than the other', async () => {
    await settled()
    await setOn(second, 'recovery_min_apply_delay', '100ms')
    try {
      const found: ReadBack[] = []
      const reader = async (): Promise<void> => {
        for (let time = 0; time < 20; time++) {
          const event = await postTo(rig)
          await delay(Math.random() * 400)
          found.push(await readFrom(rig, event, asOwnWrite(event)))
        }
      }
      await Promise.all(Array.from({ length: 10 }, reader))
      expect(found).toHaveLength(200)
      expect(found.filter(({ status }) => status !== 200)).toEqual([])
      const levels = new Set(found.map(({ source, level }) => `${source} ${level}`))
      expect([...levels]).toEqual(
        expect.arrayContaining(FROM_BOTH.map((source) => `${source} session`)),
      )
    } finally {
      await setOn(second, 'recovery_min_apply_delay', '0')
    }
  })

  it('are told apart by lag and breaker while one stands still, and a reader is sent to the one that has his write', async () => {
    await settled()
    await second.control.execute('SELECT pg_wal_replay_pause()', signal)
    try {
      await until('replay stands', () =>
        withClient(second, async (client) => {
          const { rows } = await client.query<{ state: string }>(
            'SELECT pg_get_wal_replay_pause_state() AS state',
          )
          return rows[0]!.state === 'paused'
        }),
      )
      const pausedAtMs = performance.now()
      const event = await postTo(rig)
      await until('the other one has it', async () => {
        const { source } = await readFrom(rig, event, asOwnWrite(event))
        return source === 'replica-1.events'
      })
      const asReport = { 'x-read-class': 'analytics' }
      const own = await reads(20, event, { ...asReport, ...asOwnWrite(event) })
      expect(own.filter(({ status }) => status !== 200)).toEqual([])
      expect(from('replica-2', own)).toEqual([])
      // Not every second one from the primary, as it would be where whoever comes next in turn is asked.
      expect(from('replica-1', own).length).toBeGreaterThan(15)

      await until('only its breaker opens', async () => {
        const [one, other] = await breakers('critical')
        return one === 0 && other === 1
      })
      const leastLagMs = performance.now() - pausedAtMs
      const careless = await reads(20, event, asReport)
      expect(new Set(from('replica-1', careless).map(({ status }) => status))).toEqual(
        new Set([200]),
      )
      const old = from('replica-2', careless)
      expect(old.length).toBeGreaterThan(0)
      for (const { status, lagS, level } of old) {
        expect({ status, level }).toEqual({ status: 404, level: 'eventual' })
        expect(lagS * 1_000).toBeGreaterThanOrEqual(leastLagMs - 1)
      }
      const critical = await reads(20, event, {})
      expect(from('replica-2', critical)).toEqual([])
      expect(from('replica-1', critical).length).toBeGreaterThan(0)

      const [lagS = Number.NaN, otherLagS = Number.NaN] = await lagsS()
      expect(otherLagS).toBeGreaterThan(LENIENT.criticalLagMs / 1_000)
      expect(lagS).toBeLessThan(otherLagS)
      const routed = await routedSamples('replica.heartbeatLagMs')
      expect(routed.map(({ label }) => label)).toEqual(NAMES)
      expect(routed[1]!.value).toBeGreaterThan(routed[0]!.value)
      const behind = new Map(
        (await seenByPrimary('replica.replayLagBytes')).map(({ label, value }) => [label, value]),
      )
      expect([...behind.keys()].toSorted()).toEqual(NAMES)
      expect(behind.get('replica-2')).toBeGreaterThan(behind.get('replica-1')!)
    } finally {
      await second.control.execute('SELECT pg_wal_replay_resume()', signal)
    }
    await settled()
  })

  it('go on without the one that is killed, which is told as away, and it catches up', async () => {
    await settled()
    const part = first.parts[0]!
    await part.fault('kill')
    const found: ReadBack[] = []
    try {
      await until('it is out of every class, and the other one in none', async () => {
        const event = await postTo(rig)
        found.push(await readFrom(rig, event, asOwnWrite(event)))
        const classes = await Promise.all(['critical', 'search', 'analytics'].map(breakers))
        return classes.every(([one, other]) => one === 1 && other === 0)
      })
      const event = await postTo(rig)
      await until('the other one has it', async () => {
        found.push(await readFrom(rig, event, asOwnWrite(event)))
        return found.at(-1)!.source === 'replica-2.events'
      })
      const since = await reads(20, event, asOwnWrite(event))
      expect(from('replica-1', since)).toEqual([])
      expect(from('replica-2', since).length).toBeGreaterThan(0)
      expect([...found, ...since].filter(({ status }) => status !== 200)).toEqual([])

      // No figure is made up of one that does not answer; nor is the last one kept.
      const [lagS, otherLagS] = await lagsS()
      expect(lagS).toBeUndefined()
      expect(otherLagS).toBeGreaterThanOrEqual(0)
      expect(await routedSamples('replica.heartbeatLagMs')).toMatchObject([{ label: 'replica-2' }])
      expect(await routedSamples('replica.breakerOpenRatio')).toEqual(
        expect.arrayContaining([
          { metric: 'replica.breakerOpenRatio', label: 'replica-1 analytics', value: 1 },
          { metric: 'replica.breakerOpenRatio', label: 'replica-2 analytics', value: 0 },
        ]),
      )
      await until('the primary sees one', async () => {
        const [standbys] = await seenByPrimary('replica.standbys')
        return standbys?.value === 1
      })
      expect(await seenByPrimary('replica.replayLagBytes')).toMatchObject([{ label: 'replica-2' }])
      await expect(heldBy(rig.up.running.stores[1]!)).rejects.toThrow()
    } finally {
      await part.fault('restart')
    }
    await settled()
    const event = await postTo(rig)
    await until('it answers again, with what is new', async () => {
      const { source, level } = await readFrom(rig, event, asOwnWrite(event))
      return source === 'replica-1.events' && level === 'session'
    })
    const [store, ...copies] = rig.up.running.stores
    const held = (await heldBy(store!)).rows.toSorted()
    for (const copy of copies) {
      await untilReadable(copy, held.length)
      expect((await heldBy(copy)).rows.toSorted()).toEqual(held)
    }
  })
})
