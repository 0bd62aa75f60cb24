/** What every architecture does when a store stands still, is gone or is overloaded, on real engines. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/engines/engine.ts'
import { heldBy, RUNNABLE, startRig, untilReadable } from './architecture-rig.ts'
import { makeEvent } from './service-client.ts'
import { kitOf, type AnyEvent } from './shape-kits.ts'

describe.each(RUNNABLE)('$id under a store that stands still', ({ id }) => {
  const kit = kitOf(id)
  const keyOf = (event: AnyEvent): string => `${kit.sourceOf(event)}/${kit.idOf(event)}`

  it('sheds beyond its queue with Retry-After, and answers what it admitted once the store is back', async () => {
    await using rig = await startRig(id, { settings: { queueEventsMax: 100, timeoutMs: 60_000 } })
    const enginePart = rig.up.engines[0]!.engine.parts[0]!
    await rig.client.post(kit.make())
    await enginePart.fault('freeze')
    const bodies = Array.from({ length: 40 }, () => Array.from({ length: 10 }, () => kit.make()))
    const posted = Promise.all(bodies.map((body) => rig.client.post(body)))
    await expect
      .poll(async () => (await rig.client.metrics()).get('headroom_shed_requests_total'), {
        timeout: 10_000,
      })
      .toBe(30)
    expect((await rig.client.metrics()).get('headroom_queue_events')).toBe(100)
    await enginePart.fault('thaw')

    const answers = await posted
    expect(answers.filter(({ status }) => status === 200).length).toBe(10)
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect([429, 503]).toContain(answer.status)
      expect(Number(answer.retryAfter)).toBeGreaterThan(0)
    }
    const accepted = bodies
      .filter((_, index) => answers[index]!.status === 200)
      .flat()
      .map(keyOf)
    const store = rig.up.running.stores[0]!
    await untilReadable(store, accepted.length + 1)
    const { readable } = await heldBy(store)
    expect(readable.filter((key) => accepted.includes(key)).sort()).toEqual([...accepted].sort())
    expect(readable.length).toBe(accepted.length + 1)
    expect((await rig.client.post(kit.make())).body.accepted).toBe(1)
  })

  it('says that an outcome is unknown when the store does not answer in time', async () => {
    await using rig = await startRig(id, { settings: { timeoutMs: 500 } })
    const enginePart = rig.up.engines[0]!.engine.parts[0]!
    await enginePart.fault('freeze')
    const answer = await rig.client.post(kit.make())
    expect((await rig.client.get('/healthz')).status).toBe(503)
    await enginePart.fault('thaw')
    expect(answer.status).toBe(504)
    expect(answer.body.error).toBe('OUTCOME_UNKNOWN')
    await expect
      .poll(async () => (await rig.client.post(kit.make())).status, { timeout: 20_000 })
      .toBe(200)
  })

  it('finishes the requests in flight when it is told to stop', async () => {
    await using rig = await startRig(id)
    const enginePart = rig.up.engines[0]!.engine.parts[0]!
    const service = rig.up.running.parts[0]!
    await rig.client.post(kit.make())
    await enginePart.fault('freeze')
    const events = Array.from({ length: 25 }, () => kit.make())
    const posted = Promise.all(events.map((event) => rig.client.post(event)))
    await expect
      .poll(async () => (await rig.client.metrics()).get('headroom_queue_events'), {
        timeout: 10_000,
      })
      .toBe(25)
    // Its first process only: in a container that is an init, which passes the signal on.
    process.kill(Math.min(...service.pids()), 'SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 200))
    await enginePart.fault('thaw')
    const answers = await posted
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    await expect.poll(() => service.pids().length, { timeout: 15_000 }).toBe(0)
    // Not asked for by the target, so it is told; and it was a clean end.
    expect((await rig.up.crashed).message).toContain('exit code 0')
    for (const store of rig.up.running.stores) await untilReadable(store, events.length + 1)
    await expect(rig.client.post(kit.make())).rejects.toThrow()
  })
})

describe('dual-write when ClickHouse is gone', () => {
  it('still accepts every event, counts what ClickHouse missed, and says stale', async () => {
    await using rig = await startRig('dual-write')
    const [postgres, clickhouse] = rig.up.running.stores as [Store, Store]
    const before = Array.from({ length: 20 }, () => makeEvent())
    await rig.client.post(before)
    await untilReadable(clickhouse, before.length)
    const warehouse = rig.up.engines.find(({ role }) => role === 'warehouse')!.engine
    await warehouse.parts[0]!.fault('kill')

    const after = Array.from({ length: 30 }, () => makeEvent())
    const answers = await Promise.all(after.map((event) => rig.client.post(event)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    await expect
      .poll(
        async () =>
          (await rig.client.metrics()).get('headroom_secondary_events_total{outcome="failed"}'),
        { timeout: 20_000 },
      )
      .toBe(after.length)
    expect((await heldBy(postgres)).readable.length).toBe(before.length + after.length)
    const samples = await rig.up.running.probes[0]!.sample(AbortSignal.timeout(5_000))
    expect(samples).toContainEqual({
      metric: 'secondary.failedEvents',
      label: 'service',
      value: after.length,
    })

    await warehouse.parts[0]!.fault('restart')
    await expect
      .poll(async () => (await rig.client.query('Q1', {})).status, { timeout: 20_000 })
      .toBe(200)
    // Lookups come from PostgreSQL, which has them; ClickHouse will never have the thirty, so it is stale for good.
    expect((await rig.client.event(after[0]!)).body['stale']).toBe(false)
    expect((await rig.client.query('Q1', {})).body['stale']).toBe(true)
    expect((await heldBy(clickhouse)).readable.length).toBe(before.length)
  })

  it('drops and counts what its bounded queue cannot hold while ClickHouse stands still', async () => {
    await using rig = await startRig('dual-write', {
      settings: { secondaryQueueEventsMax: 10, timeoutMs: 60_000 },
    })
    const warehouse = rig.up.engines.find(({ role }) => role === 'warehouse')!.engine.parts[0]!
    await warehouse.fault('freeze')
    const events = Array.from({ length: 25 }, () => makeEvent())
    for (const event of events) expect((await rig.client.post(event)).status).toBe(200)
    const metrics = await rig.client.metrics()
    expect(metrics.get('headroom_secondary_queue_events')).toBe(10)
    expect(metrics.get('headroom_secondary_events_total{outcome="failed"}')).toBe(15)
    await warehouse.fault('thaw')
    await untilReadable(rig.up.running.stores[1]!, 10)
  })
})

describe('clickhouse-direct under too many parts', () => {
  it('sheds instead of retrying, and recovers when merges catch up', async () => {
    await using rig = await startRig('clickhouse-direct', { settings: { insertLingerMs: 0 } })
    const { engine } = rig.up.engines[0]!
    const signal = AbortSignal.timeout(60_000)
    await engine.control.execute('SYSTEM STOP MERGES', signal)
    await engine.control.execute(
      'ALTER TABLE events_raw MODIFY SETTING parts_to_delay_insert = 1000000, parts_to_throw_insert = 3',
      signal,
    )
    const statuses: number[] = []
    for (let post = 0; post < 6; post++) statuses.push((await rig.client.post(makeEvent())).status)
    expect(statuses).toContain(503)
    const batches = (await rig.client.metrics()).get('headroom_batches_total')
    expect(batches).toBe(statuses.length)
    await engine.control.execute(
      'ALTER TABLE events_raw RESET SETTING parts_to_throw_insert, parts_to_delay_insert',
      signal,
    )
    await engine.control.execute('SYSTEM START MERGES', signal)
    await expect
      .poll(async () => (await rig.client.post(makeEvent())).status, { timeout: 20_000 })
      .toBe(200)
    const { readable } = await heldBy(rig.up.running.stores[0]!)
    expect(readable.length).toBeGreaterThan(statuses.filter((status) => status === 200).length)
  })
})
