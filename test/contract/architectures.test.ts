/** What every architecture promises, asked of each on real engines. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../../src/engines/engine.ts'
import { architectures } from '../../src/target/registry.ts'
import { heldBy, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { keyOf, makeEvent, type EventBody, type PostAnswer } from './service-client.ts'

/** Which of the posted events an answer accepted. */
function acceptedOf(events: readonly EventBody[], answer: PostAnswer): readonly EventBody[] {
  const left = new Set((answer.body.items ?? []).map(({ index }) => index))
  return events.filter((_event, index) => !left.has(index))
}

describe.each(architectures)('$id', ({ id }) => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig(id)
  })
  afterAll(async () => {
    await rig[Symbol.asyncDispose]()
  })

  const promiseOf = (store: Store) => {
    const promise = rig.up.promises.stores.find((one) => one.store === store.name)
    if (promise === undefined) throw new Error(`${store.name} has no promise`)
    return promise
  }
  /** Whether some store tells a duplicate from a first, as a unique key does. */
  const tellsDuplicates = (): boolean =>
    rig.up.promises.stores.some((promise) => promise.duplicates === 'one-row')

  /** Every store shows exactly these events of one organization, once each. */
  const expectReadable = async (organization: string, expected: readonly EventBody[]) => {
    const keys = expected.map(keyOf).sort()
    for (const store of rig.up.running.stores) {
      await expect
        .poll(
          async () =>
            (await heldBy(store)).readable.filter((key) => key.startsWith(organization)).sort(),
          { timeout: promiseOf(store).readAfterAck === 'at-once' ? 1 : 20_000, interval: 50 },
        )
        .toEqual(keys)
    }
  }

  it('names a promise for each of its stores, and only for those', () => {
    expect(rig.up.promises.stores.map((promise) => promise.store).sort()).toEqual(
      rig.up.running.stores.map((store) => store.name).sort(),
    )
    expect(rig.up.promises.ack).toMatch(/^[A-Z].*\.$/)
  })

  it('stores every acknowledged event, single and in arrays, under concurrency', async () => {
    const organization = randomUUID()
    const event = () => makeEvent({ organization_id: organization })
    const bodies = Array.from({ length: 200 }, (_, index) =>
      index % 10 === 0 ? Array.from({ length: 37 }, event) : [event()],
    )
    const answers = await Promise.all(
      bodies.map((events) => rig.client.post(events.length === 1 ? events[0] : events)),
    )
    for (const [index, answer] of answers.entries()) {
      expect(answer.status).toBe(200)
      expect(answer.body).toEqual({ accepted: bodies[index]!.length, duplicate: 0, rejected: 0 })
    }
    await expectReadable(organization, bodies.flat())
  })

  it('keeps the exact value and every character of an event', async () => {
    const event = makeEvent({
      transaction_id: 'tab\tnewline\nquote"backslash\\brace{}comma,ünïcödé😀\r',
      external_customer_id: "it's \\N null",
      code: '\\.',
      properties: { text: 'a\\u0000b\n\t"\\', nested: { list: [1, 2.5, null, true] }, empty: '' },
      value: -12345.015625,
      timestamp: '2026-02-25T14:30:00.123456+02:30',
    })
    // In company as well as alone: one row and many rows travel in different statements.
    const others = [makeEvent(), makeEvent({ properties: {} })]
    expect((await rig.client.post([event, ...others])).body.accepted).toBe(3)
    const answer = await rig.client.event(event)
    expect(answer.body['event']).toEqual({
      ...event,
      timestamp: '2026-02-25T12:00:00.123456Z',
      decimal_value: '-12345.015625',
    })
  })

  it('takes an event without value and properties', async () => {
    const full = makeEvent()
    const bare = {
      organization_id: full.organization_id,
      transaction_id: full.transaction_id,
      external_customer_id: full.external_customer_id,
      code: full.code,
      timestamp: full.timestamp,
    }
    expect((await rig.client.post(bare)).body.accepted).toBe(1)
    const answer = await rig.client.event(bare)
    expect(answer.body['event']).toMatchObject({ value: null, decimal_value: null, properties: {} })
  })

  it('rejects bad items one by one, with a reason, and stores the others', async () => {
    const organization = randomUUID()
    const good = [
      makeEvent({ organization_id: organization }),
      makeEvent({ organization_id: organization }),
    ]
    const bad = [
      { ...good[0], transaction_id: '' },
      { ...good[0], organization_id: 'not-a-uuid' },
      { ...good[0], timestamp: '2026-02-30T00:00:00Z' },
      { ...good[0], value: '1' },
      { ...good[0], code: 'nul\0' },
      { ...good[0], surprise: 1 },
      { ...good[0], properties: [] },
      null,
      7,
    ]
    const answer = await rig.client.post([good[0], ...bad, good[1]])
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ accepted: 2, duplicate: 0, rejected: bad.length })
    expect(answer.body.items?.map(({ index }) => index)).toEqual(bad.map((_, index) => index + 1))
    for (const item of answer.body.items ?? [])
      expect(item).toMatchObject({ status: 'rejected', reason: /./ })
    await expectReadable(organization, good)
  })

  it('answers 400 to a body that is no event and no array of events', async () => {
    for (const body of ['{"organization_id":', '[]', '"text"', '17', 'null']) {
      expect((await rig.client.post(body)).status).toBe(400)
    }
  })

  it('counts an event repeated inside one request once', async () => {
    const organization = randomUUID()
    const [first, second] = [
      makeEvent({ organization_id: organization }),
      makeEvent({ organization_id: organization }),
    ]
    const answer = await rig.client.post([first, second, first, first])
    expect(answer.body).toEqual({
      accepted: 2,
      duplicate: 2,
      rejected: 0,
      items: [
        { index: 2, status: 'duplicate' },
        { index: 3, status: 'duplicate' },
      ],
    })
    await expectReadable(organization, [first, second])
  })

  it('keeps an event readable once when it is sent again, and says so where the store can tell', async () => {
    const organization = randomUUID()
    const events = Array.from({ length: 50 }, () => makeEvent({ organization_id: organization }))
    await rig.client.post(events)
    // Another spelling of the same UUID is the same organization.
    const again = await rig.client.post(
      events.map((event) => ({ ...event, organization_id: event.organization_id.toUpperCase() })),
    )
    const alone = await rig.client.post(events[0])
    const duplicate = tellsDuplicates()
    expect(again.body).toMatchObject(
      duplicate ? { accepted: 0, duplicate: 50 } : { accepted: 50, duplicate: 0 },
    )
    expect(alone.body.duplicate).toBe(duplicate ? 1 : 0)
    await expectReadable(organization, events)
    for (const store of rig.up.running.stores) {
      if (promiseOf(store).duplicates !== 'one-row') continue
      const rows = (await heldBy(store)).rows.filter((key) => key.startsWith(organization))
      expect(rows.length).toBe(events.length)
    }
  })

  it('accepts each of many ids exactly once when concurrent requests overlap', async () => {
    const organization = randomUUID()
    const events = Array.from({ length: 200 }, () => makeEvent({ organization_id: organization }))
    const bodies = Array.from({ length: 60 }, (_, request) =>
      // Different orders: writers that lock rows as they come would deadlock.
      Array.from(
        { length: 20 },
        (_, item) => events[(request * 7 + item * (request % 2 ? 13 : 187)) % 200]!,
      ),
    )
    const answers = await Promise.all(bodies.map((body) => rig.client.post(body)))
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200))
    const accepted = answers.flatMap((answer, index) =>
      acceptedOf(bodies[index]!, answer).map(keyOf),
    )
    const sent = new Set(bodies.flat().map(keyOf))
    expect(new Set(accepted)).toEqual(sent)
    if (tellsDuplicates()) expect(accepted.length).toBe(sent.size)
    await expectReadable(
      organization,
      events.filter((event) => sent.has(keyOf(event))),
    )
  })

  it('rejects alone the one item that only the store finds bad', async () => {
    const { engine } = rig.up.engines[0]!
    const table = engine.kind === 'postgres' ? 'events' : 'events_raw'
    const signal = AbortSignal.timeout(10_000)
    await engine.control.execute(
      `ALTER TABLE ${table} ADD CONSTRAINT poison CHECK (code <> 'poison')`,
      signal,
    )
    try {
      const organization = randomUUID()
      const events = Array.from({ length: 9 }, (_, index) =>
        makeEvent({ organization_id: organization, code: index === 4 ? 'poison' : 'fine' }),
      )
      const bystander = makeEvent({ organization_id: organization })
      const [answer, other] = await Promise.all([
        rig.client.post(events),
        rig.client.post(bystander),
      ])
      expect(answer.body).toMatchObject({
        accepted: 8,
        rejected: 1,
        items: [{ index: 4, status: 'rejected' }],
      })
      expect(other.body).toEqual({ accepted: 1, duplicate: 0, rejected: 0 })
      await expectReadable(organization, [...acceptedOf(events, answer), bystander])
    } finally {
      await engine.control.execute(`ALTER TABLE ${table} DROP CONSTRAINT poison`, signal)
    }
  })

  it('reads an event right after its ack, with its source and freshness', async () => {
    for (let round = 0; round < 20; round++) {
      const event = makeEvent()
      await rig.client.post(event)
      const answer = await rig.client.event(event)
      expect(answer.status).toBe(200)
      expect(answer.body['stale']).toBe(false)
      expect(answer.headers.get('x-data-source')).toBe(rig.up.running.stores[0]!.name)
      expect(Number(answer.headers.get('x-data-lag-seconds'))).toBeGreaterThanOrEqual(0)
      expect(answer.headers.get('x-consistency-level')).toBe('strong')
    }
    expect((await rig.client.event(makeEvent())).status).toBe(404)
  })

  it('answers Q1 to Q4 as a plain computation over what was sent', async () => {
    const day = '2031-05-06'
    const organizations = [randomUUID(), randomUUID(), randomUUID()].sort()
    const events = Array.from({ length: 300 }, (_, index) =>
      makeEvent({
        organization_id: organizations[index % 3]!,
        code: index % 2 === 0 ? 'storage' : 'compute',
        timestamp: `${day}T${String(8 + (index % 5)).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}:30Z`,
        value: index / 64,
      }),
    )
    await rig.client.post(events)
    // Sent twice: aggregates must not count it twice either.
    await rig.client.post(events.slice(0, 30))
    for (const store of rig.up.running.stores) await expectEventually(store, events)

    const within = (from: string, to: string) =>
      events.filter(
        (event) => event.timestamp >= `${day}T${from}Z` && event.timestamp < `${day}T${to}Z`,
      )

    const q1 = await rig.client.query('Q1', { asOf: `${day}T12:30:00Z` })
    expect(q1.body['rows']).toEqual(
      organizations.map((organization_id) => ({
        organization_id,
        events: within('11:30:00', '12:30:00').filter(
          (event) => event.organization_id === organization_id,
        ).length,
      })),
    )
    const q2 = await rig.client.query('Q2', { from: `${day}T00:00:00Z`, to: `${day}T23:00:00Z` })
    expect(q2.body['rows']).toEqual(hourlyUsage(events))
    const organization = organizations[1]!
    const q3 = await rig.client.query('Q3', {
      organization_id: organization,
      code: 'storage',
      from: `${day}T09:00:00Z`,
      to: `${day}T11:00:00Z`,
    })
    const chosen = within('09:00:00', '11:00:00').filter(
      (event) => event.organization_id === organization && event.code === 'storage',
    )
    expect(q3.body['rows']).toEqual([
      { value: chosen.reduce((sum, event) => sum + event.value!, 0), events: chosen.length },
    ])
    const q4 = await rig.client.query('Q4', {
      organization_id: organization,
      transaction_id: events[1]!.transaction_id,
    })
    expect(q4.body['rows']).toMatchObject([
      { transaction_id: events[1]!.transaction_id, value: 1 / 64 },
    ])
    for (const answer of [q1, q2, q3, q4]) {
      const { seconds } = answer.body['meta'] as { seconds: number }
      expect(seconds).toBeGreaterThan(0)
      expect(answer.body['stale']).toBe(false)
      expect(answer.headers.get('x-data-source')).toMatch(/\./)
    }
  })

  const expectEventually = async (store: Store, events: readonly EventBody[]) => {
    const keys = new Set(events.map(keyOf))
    await expect
      .poll(async () => (await heldBy(store)).readable.filter((key) => keys.has(key)).length, {
        timeout: 20_000,
      })
      .toBe(keys.size)
  }

  it('answers 400 to bad parameters and 404 to an unknown query', async () => {
    expect((await rig.client.query('Q3', { organization_id: 'x' })).status).toBe(400)
    expect((await rig.client.query('Q1', { asOf: 'yesterday' })).status).toBe(400)
    expect((await rig.client.query('Q4', {})).status).toBe(400)
    expect((await rig.client.query('Q99', {})).status).toBe(404)
  })

  it('is healthy while its stores answer', async () => {
    expect((await rig.client.get('/healthz')).body).toEqual({ status: 'ok' })
  })

  it('counts what it did, and the probe reads it from outside', async () => {
    const before = await rig.client.metrics()
    await rig.client.post([makeEvent(), makeEvent({ code: '' })])
    const after = await rig.client.metrics()
    const grew = (name: string) => after.get(name)! - before.get(name)!
    expect(grew('headroom_events_total{outcome="accepted"}')).toBe(1)
    expect(grew('headroom_events_total{outcome="rejected"}')).toBe(1)
    expect(grew('headroom_batches_total')).toBeGreaterThanOrEqual(1)
    const samples = await rig.up.running.probes[0]!.sample(AbortSignal.timeout(5_000))
    expect(samples.map(({ metric }) => metric)).toEqual(
      expect.arrayContaining(['service.queueEvents', 'pool.waitMs', 'service.eventLoopDelayP99Us']),
    )
    expect(new Set(samples.map(({ label }) => label))).toEqual(
      new Set([rig.up.running.parts[0]!.name]),
    )
  })
})

/** Q2 by hand: hour, organization and code, in that order. */
function hourlyUsage(events: readonly EventBody[]): readonly Record<string, unknown>[] {
  const groups = new Map<string, { events: number; value: number }>()
  for (const event of events) {
    const key = `${event.timestamp.slice(0, 13)}:00:00Z ${event.organization_id} ${event.code}`
    const group = groups.get(key) ?? { events: 0, value: 0 }
    groups.set(key, { events: group.events + 1, value: group.value + (event.value ?? 0) })
  }
  return [...groups.keys()].sort().map((key) => {
    const [bucket, organization_id, code] = key.split(' ')
    return { bucket, organization_id, code, ...groups.get(key)! }
  })
}

describe.each(architectures)('$id under a store that stands still', ({ id }) => {
  it('sheds beyond its queue with Retry-After, and answers what it admitted once the store is back', async () => {
    await using rig = await startRig(id, { settings: { queueEventsMax: 100, timeoutMs: 60_000 } })
    const enginePart = rig.up.engines[0]!.engine.parts[0]!
    await rig.client.post(makeEvent())
    await enginePart.fault('freeze')
    const bodies = Array.from({ length: 40 }, () => Array.from({ length: 10 }, () => makeEvent()))
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
    expect((await rig.client.post(makeEvent())).body.accepted).toBe(1)
  })

  it('says that an outcome is unknown when the store does not answer in time', async () => {
    await using rig = await startRig(id, { settings: { timeoutMs: 500 } })
    const enginePart = rig.up.engines[0]!.engine.parts[0]!
    await enginePart.fault('freeze')
    const answer = await rig.client.post(makeEvent())
    expect((await rig.client.get('/healthz')).status).toBe(503)
    await enginePart.fault('thaw')
    expect(answer.status).toBe(504)
    expect(answer.body.error).toBe('OUTCOME_UNKNOWN')
    await expect
      .poll(async () => (await rig.client.post(makeEvent())).status, { timeout: 20_000 })
      .toBe(200)
  })

  it('finishes the requests in flight when it is told to stop', async () => {
    await using rig = await startRig(id)
    const enginePart = rig.up.engines[0]!.engine.parts[0]!
    const service = rig.up.running.parts[0]!
    await rig.client.post(makeEvent())
    await enginePart.fault('freeze')
    const events = Array.from({ length: 25 }, () => makeEvent())
    const posted = Promise.all(events.map((event) => rig.client.post(event)))
    await expect
      .poll(async () => (await rig.client.metrics()).get('headroom_queue_events'), {
        timeout: 10_000,
      })
      .toBe(25)
    for (const pid of service.pids()) process.kill(pid, 'SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 200))
    await enginePart.fault('thaw')
    const answers = await posted
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    await expect.poll(() => service.pids().length, { timeout: 15_000 }).toBe(0)
    // Not asked for by the target, so it is told; and it was a clean end.
    expect((await rig.up.crashed).message).toContain('exit code 0')
    for (const store of rig.up.running.stores) await untilReadable(store, events.length + 1)
    await expect(rig.client.post(makeEvent())).rejects.toThrow()
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
