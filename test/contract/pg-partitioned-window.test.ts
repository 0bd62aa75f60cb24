/** pg-partitioned with its window of identities in Redis: what it tells, what it forgets, and that it never loses an event. */
import { describe, expect, it } from 'vitest'
import type { EngineAddress } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { withRedis } from '../../src/engines/redis/connection.ts'
import { ENGINES, heldBy, startRig, type Ground, type Rig } from './architecture-rig.ts'
import { keyOf, makeEvent, type EventBody } from './service-client.ts'

const isHere =
  ENGINES === 'compose' ||
  findProgram('redis') !== null ||
  process.env['HEADROOM_REQUIRE_ALL'] !== undefined
const accepted = { accepted: 1, duplicate: 0, rejected: 0 }

const start = (settings: object = {}, ground: Ground = 'here') =>
  startRig('pg-partitioned', { settings: { dedup: 'redis-window', ...settings }, ground })
const fresh = () => makeEvent({ timestamp: new Date().toISOString() })
const counts = async (rig: Rig, body: EventBody | readonly EventBody[]) => {
  const { accepted, duplicate, rejected } = (await rig.client.post(body)).body
  return { accepted, duplicate, rejected }
}
const storedKeys = async (rig: Rig): Promise<readonly string[]> =>
  (await heldBy(rig.up.running.stores[0]!)).rows.toSorted()
const keysOf = (...events: readonly EventBody[]): readonly string[] => events.map(keyOf).toSorted()
const engineOf = (rig: Rig, kind: string) =>
  rig.up.engines.find(({ engine }) => engine.kind === kind)!.engine
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** Until the service takes it again. */
const untilAccepted = (rig: Rig, event: EventBody) =>
  expect
    .poll(async () => (await rig.client.post(event)).body, { timeout: 60_000, interval: 200 })
    .toEqual(accepted)

describe.runIf(isHere)('pg-partitioned with a window in Redis', () => {
  const grounds: readonly Ground[] = ENGINES === 'embedded' ? ['here', 'own'] : ['here']

  it.each(grounds)(
    'tells a repeat whatever its timestamp, alone and in company (%s)',
    async (ground) => {
      await using rig = await start({}, ground)
      expect(rig.up.engines.map(({ role }) => role)).toEqual(['database', 'dedup'])
      expect(rig.up.promises.stores[0]).toMatchObject({
        delivery: 'at-least-once',
        duplicates: 'kept',
      })
      expect(rig.up.promises.ack).toMatch(
        /within 3600 s .* told where Redis noted it .* any other repeat may be stored again/,
      )
      const [first, second] = [fresh(), fresh()]
      expect(await counts(rig, first)).toEqual(accepted)
      const elsewhere = { ...first, timestamp: '2031-01-01T00:00:00Z' }
      expect(await counts(rig, elsewhere)).toEqual({ accepted: 0, duplicate: 1, rejected: 0 })
      const { body } = await rig.client.post([second, first, fresh()])
      expect(body).toMatchObject({ accepted: 2, duplicate: 1, items: [{ index: 1 }] })
      expect((await storedKeys(rig)).filter((key) => key === keyOf(first)).length).toBe(1)
    },
  )

  it('stores a repeat from beyond the window again', async () => {
    await using rig = await start({ dedupWindowS: 1 })
    const event = fresh()
    expect(await counts(rig, event)).toEqual(accepted)
    await pause(1_500)
    expect(await counts(rig, event)).toEqual(accepted)
    expect(await storedKeys(rig)).toEqual(keysOf(event, event))
  })

  it('stores one of many that come at the same moment', async () => {
    await using rig = await start({ connections: 4, batchRowsMax: 1 })
    const event = fresh()
    const answers = await Promise.all(Array.from({ length: 40 }, () => rig.client.post(event)))
    expect(new Set(answers.map(({ status }) => status))).not.toContain(504)
    expect(answers.filter(({ body }) => body.accepted === 1).length).toBe(1)
    expect(await storedKeys(rig)).toEqual(keysOf(event))
  })

  it('takes a claim for no more than that: an event whose write failed, or whose writer died, is stored when it comes again', async () => {
    await using rig = await start({ partitionBy: 'hour', outOfRange: 'reject' })
    const event = fresh()
    const outside = { ...event, timestamp: '2031-01-01T00:00:00Z' }
    expect(await counts(rig, [outside, fresh()])).toMatchObject({ accepted: 1, rejected: 1 })
    expect(await counts(rig, event)).toEqual(accepted)

    const claimed = fresh()
    const address = engineOf(rig, 'redis').addressFor('harness') as EngineAddress['redis']
    const key = `dedup:${claimed.organization_id}/${claimed.transaction_id}`
    await withRedis(address, AbortSignal.timeout(10_000), async (redis) => {
      // That the name is right: of an event that is stored it says so.
      expect(await redis.get(`dedup:${event.organization_id}/${event.transaction_id}`)).toBe(
        'stored',
      )
      await redis.set(key, 'a writer that died')
      expect((await rig.client.post(claimed)).status).toBe(503)
      expect(await redis.pexpire(key, 1)).toBe(1)
    })
    await untilAccepted(rig, claimed)
    expect(await storedKeys(rig)).toContain(keyOf(claimed))
  })

  it('loses no event of a killed PostgreSQL to a claim: what was refused is taken when it comes again', async () => {
    await using rig = await start()
    const postgres = engineOf(rig, 'postgres').parts[0]!
    const before = fresh()
    expect(await counts(rig, before)).toEqual(accepted)
    await postgres.fault('kill')
    const during = fresh()
    expect((await rig.client.post(during)).status).toBeGreaterThanOrEqual(500)
    await postgres.fault('restart')
    await untilAccepted(rig, during)
    expect(await counts(rig, before)).toEqual({ accepted: 0, duplicate: 1, rejected: 0 })
    expect(await storedKeys(rig)).toEqual(keysOf(before, during))
  })

  it('goes on without Redis, keeps repeats meanwhile, and tells them again once it is back', async () => {
    await using rig = await start()
    const redis = engineOf(rig, 'redis').parts[0]!
    const [before, during, after] = [fresh(), fresh(), fresh()]
    expect(await counts(rig, before)).toEqual(accepted)
    await redis.fault('kill')
    expect(await counts(rig, during)).toEqual(accepted)
    expect(await counts(rig, during)).toEqual(accepted)
    await redis.fault('restart')
    const page = async () =>
      await (await fetch(new URL('/metrics', rig.up.running.ingestUrl))).text()
    await expect.poll(page, { timeout: 10_000 }).toContain('headroom_dedup_up 1')
    expect(await page()).toMatch(/headroom_dedup_bypassed_total 2\n/)
    expect(await counts(rig, after)).toEqual(accepted)
    for (const told of [before, after]) {
      expect(await counts(rig, told)).toEqual({ accepted: 0, duplicate: 1, rejected: 0 })
    }
    expect(await storedKeys(rig)).toEqual(keysOf(before, during, during, after))
  })
})
