/** What every architecture promises, asked of each on real engines. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findMetric } from '../../src/collect/metrics.ts'
import type { Store } from '../../src/engines/engine.ts'
import { GROUNDS, heldBy, SKIPPED, startRig, type Rig } from './architecture-rig.ts'
import { answersQueries, itAnswersQueries } from './queries-asked.ts'
import type { PostAnswer } from './service-client.ts'
import { kitOf, type AnyEvent } from './shape-kits.ts'

/** Which of the posted events an answer accepted. */
function acceptedOf(events: readonly AnyEvent[], answer: PostAnswer): readonly AnyEvent[] {
  const left = new Set((answer.body.items ?? []).map(({ index }) => index))
  return events.filter((_event, index) => !left.has(index))
}

describe.each(SKIPPED)('$id', ({ because }) => {
  it.skip(`is not run here: ${because}`, () => undefined)
})

describe.each(GROUNDS)('$id ($ground)', ({ id, ground }) => {
  const kit = kitOf(id)
  const keyOf = (event: AnyEvent): string => `${kit.sourceOf(event)}/${kit.idOf(event)}`
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig(id, { ground })
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
  const expectReadable = async (organization: string, expected: readonly AnyEvent[]) => {
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
    const event = () => kit.make(organization)
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
    const { event, read } = kit.hard()
    // In company as well as alone: one row and many rows travel in different statements.
    const others = [kit.make(), kit.bare().event]
    expect((await rig.client.post([event, ...others])).body.accepted).toBe(3)
    const answer = await rig.client.eventBy(kit.sourceOf(event), kit.idOf(event))
    expect(answer.body['event']).toEqual(read)
  })

  it('takes an event without anything that can be left out', async () => {
    const { event, read } = kit.bare()
    expect((await rig.client.post(event)).body.accepted).toBe(1)
    const answer = await rig.client.eventBy(kit.sourceOf(event), kit.idOf(event))
    expect(answer.body['event']).toMatchObject(read)
  })

  it('rejects bad items one by one, with a reason, and stores the others', async () => {
    const organization = randomUUID()
    const good = [kit.make(organization), kit.make(organization)] as const
    const bad = kit.spoiled(good[0])
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
    const [first, second] = [kit.make(organization), kit.make(organization)]
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
    const events = Array.from({ length: 50 }, () => kit.make(organization))
    await rig.client.post(events)
    // Another spelling of the same UUID is the same organization.
    const again = await rig.client.post(events.map((event) => kit.respelled(event)))
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
    const events = Array.from({ length: 200 }, () => kit.make(organization))
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
    const table = kit.tables[engine.kind === 'postgres' ? 'postgres' : 'clickhouse']
    const signal = AbortSignal.timeout(10_000)
    await engine.control.execute(
      `ALTER TABLE ${table} ADD CONSTRAINT poison CHECK (${kit.check})`,
      signal,
    )
    try {
      const organization = randomUUID()
      const events = Array.from({ length: 9 }, (_, index) =>
        index === 4 ? kit.poisoned(organization) : kit.make(organization),
      )
      const bystander = kit.make(organization)
      const [answer, other, alone] = await Promise.all([
        rig.client.post(events),
        rig.client.post(bystander),
        rig.client.post(kit.poisoned(organization)),
      ])
      expect(answer.body).toMatchObject({
        accepted: 8,
        rejected: 1,
        items: [{ index: 4, status: 'rejected' }],
      })
      expect(other.body).toEqual({ accepted: 1, duplicate: 0, rejected: 0 })
      expect(alone.body).toMatchObject({ accepted: 0, duplicate: 0, rejected: 1 })
      await expectReadable(organization, [...acceptedOf(events, answer), bystander])
    } finally {
      await engine.control.execute(`ALTER TABLE ${table} DROP CONSTRAINT poison`, signal)
    }
  })

  it('reads an event right after its ack, with its source and freshness', async () => {
    for (let round = 0; round < 20; round++) {
      const event = kit.make()
      await rig.client.post(event)
      const answer = await rig.client.eventBy(kit.sourceOf(event), kit.idOf(event))
      expect(answer.status).toBe(200)
      expect(answer.body['stale']).toBe(false)
      const stores = rig.up.running.stores.map(({ name }) => name)
      expect(stores).toContain(answer.headers.get('x-data-source'))
      expect(Number(answer.headers.get('x-data-lag-seconds'))).toBeGreaterThanOrEqual(0)
      expect(answer.headers.get('x-consistency-level')).toMatch(/^(strong|session)$/)
    }
    expect((await rig.client.eventBy(randomUUID(), randomUUID())).status).toBe(404)
  })

  if (answersQueries(id)) itAnswersQueries(() => rig)

  it('is healthy while its stores answer', async () => {
    expect((await rig.client.get('/healthz')).body).toEqual({ status: 'ok' })
  })

  it('counts what it did, and the probe reads it from outside', async () => {
    const before = await rig.client.metrics()
    await rig.client.post([kit.make(), kit.spoiled(kit.make())[0]])
    const after = await rig.client.metrics()
    const grew = (name: string) => after.get(name)! - before.get(name)!
    expect(grew('headroom_events_total{outcome="accepted"}')).toBe(1)
    expect(grew('headroom_events_total{outcome="rejected"}')).toBe(1)
    expect(grew('headroom_batches_total')).toBeGreaterThanOrEqual(1)
    const samples = await rig.up.running.probes[0]!.sample(AbortSignal.timeout(5_000))
    expect(samples.map(({ metric }) => metric)).toEqual(
      expect.arrayContaining(['service.queueEvents', 'pool.waitMs', 'service.eventLoopDelayP99Us']),
    )
    // An outbox's own figures are about its consumers.
    const ofParts = samples.filter(({ metric }) => findMetric(metric)?.label === 'part')
    expect(new Set(ofParts.map(({ label }) => label))).toEqual(
      new Set([rig.up.running.parts[0]!.name]),
    )
  })
})
