/** What a crash of PostgreSQL takes of an outbox, by id set: of an UNLOGGED one all that was not delivered, and never an event (C12). */
import { describe, expect, it } from 'vitest'
import type { Part } from '../../src/architecture/part.ts'
import type { Store } from '../../src/engines/engine.ts'
import { heldBy, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { keyOf, makeEvent } from './service-client.ts'

/** Places of their stores; that of the events comes first. */
const RECEIVERS = [1, 2]
const CONSUMERS = RECEIVERS.length
const BACK_WITHIN = { timeout: 20_000 }

const partOf = (rig: Rig, name: string): Part => {
  const parts = [...rig.up.running.parts, ...rig.up.engines.flatMap(({ engine }) => engine.parts)]
  const part = parts.find((one) => one.name === name)
  if (part === undefined) throw new Error(`outbox has no part ${name}`)
  return part
}
const storeOf = (rig: Rig, index: number): Store => rig.up.running.stores[index]!
const readableIn = async (rig: Rig, index: number): Promise<readonly string[]> =>
  (await heldBy(storeOf(rig, index))).readable.toSorted()

async function post(rig: Rig, events: number): Promise<readonly string[]> {
  const bodies = Array.from({ length: events }, () => makeEvent())
  // Right after a crash a connection of before may be the one that is asked: what is sent again is told as a repeat.
  await expect.poll(async () => (await rig.client.post(bodies)).status, BACK_WITHIN).toBe(200)
  return bodies.map(keyOf)
}

async function numberOf(rig: Rig, text: string): Promise<number> {
  const [row] = await sqlOf<{ n: number }>(rig, text)
  return row!.n
}

/** Rows that are not delivered, in every form of completion. */
const openRows = (rig: Rig): Promise<number> =>
  numberOf(rig, 'SELECT count(*)::int AS n FROM outbox WHERE processed_at IS NULL')

async function crash(rig: Rig): Promise<void> {
  await partOf(rig, 'postgres').fault('kill')
  await partOf(rig, 'postgres').fault('restart')
}

/** Forty events are delivered; sixty wait, and PostgreSQL dies; ten come when it is back. */
async function crashWhileSomeWait(rig: Rig): Promise<{
  readonly delivered: readonly string[]
  readonly waiting: readonly string[]
  readonly late: readonly string[]
}> {
  const delivered = await post(rig, 40)
  await expect.poll(() => openRows(rig), BACK_WITHIN).toBe(0)
  await partOf(rig, 'worker').fault('kill')
  const waiting = await post(rig, 60)
  expect(await openRows(rig)).toBe(waiting.length * CONSUMERS)
  await crash(rig)
  await partOf(rig, 'worker').fault('restart')
  const late = await post(rig, 10)
  for (const index of RECEIVERS) {
    await expect.poll(() => readableIn(rig, index), BACK_WITHIN).toContain(late.at(-1))
  }
  await expect.poll(() => openRows(rig), BACK_WITHIN).toBe(0)
  return { delivered, waiting, late }
}

describe('a crash of PostgreSQL while rows wait in the outbox', () => {
  it.each([
    { completion: 'delete', claimOn: 'lease' },
    { completion: 'done', claimOn: 'status' },
    { completion: 'rotate', claimOn: 'lease' },
  ])(
    'loses with unlogged exactly what was not delivered, to every consumer, and no event: %o',
    async (form) => {
      await using rig = await startRig('outbox', {
        settings: { ...form, unlogged: true, consumers: CONSUMERS },
      })
      const { delivered, waiting, late } = await crashWhileSomeWait(rig)
      const all = [...delivered, ...waiting, ...late]
      expect(await readableIn(rig, 0)).toEqual(all.toSorted())
      for (const index of RECEIVERS) {
        expect(await readableIn(rig, index)).toEqual([...delivered, ...late].toSorted())
      }
      expect(await numberOf(rig, 'SELECT count(*)::int AS n FROM outbox_dead')).toBe(0)
    },
  )

  it('loses nothing with a logged one', async () => {
    await using rig = await startRig('outbox', { settings: { consumers: CONSUMERS } })
    const { delivered, waiting, late } = await crashWhileSomeWait(rig)
    const all = [...delivered, ...waiting, ...late].toSorted()
    for (const index of [0, ...RECEIVERS]) {
      await untilReadable(storeOf(rig, index), all.length)
      expect(await readableIn(rig, index)).toEqual(all)
    }
  })

  it('gives no id a second time: a receiver may know events by it', async () => {
    await using rig = await startRig('outbox', { settings: { unlogged: true } })
    await post(rig, 50)
    await untilReadable(storeOf(rig, 1), 50)
    const before = await numberOf(rig, 'SELECT max(outbox_id)::int AS n FROM delivered_1')
    await crash(rig)
    await post(rig, 50)
    await untilReadable(storeOf(rig, 1), 100)
    const after = `SELECT min(outbox_id)::int AS n FROM
      (SELECT outbox_id FROM delivered_1 ORDER BY id DESC LIMIT 50) AS latest`
    expect(await numberOf(rig, after)).toBeGreaterThan(before)
  })
})
