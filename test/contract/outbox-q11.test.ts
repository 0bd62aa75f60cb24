/** Q11, which walks the way of a claim: over an index in every form of the claim, and past dead rows while they may not go. */
import { expect, it } from 'vitest'
import { startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { clientOf, sqlOf } from './rig-sql.ts'
import { makeEvent } from './service-client.ts'

const BATCHES = 20
const BATCH = 100
const PINNED = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM outbox'

interface Meta {
  readonly bytesRead: number
  readonly plan: { readonly nodes: readonly string[] }
}

async function explained(rig: Rig): Promise<Meta> {
  await sqlOf(rig, 'VACUUM ANALYZE outbox')
  const { status, body } = await rig.client.query('Q11', { explain: '1' })
  expect(status).toBe(200)
  return body['meta'] as Meta
}

it.each([
  { completion: 'delete', claimOn: 'lease' },
  { completion: 'done', claimOn: 'lease' },
  { completion: 'delete', claimOn: 'status' },
  { completion: 'done', claimOn: 'status' },
])('reads by an index, and past dead rows while a snapshot keeps them: %o', async (settings) => {
  await using rig = await startRig('outbox', { settings: { ...settings, vacuum: 'default' } })
  const holder = await clientOf(rig)
  try {
    await holder.query(PINNED)
    for (let batch = 0; batch < BATCHES; batch++) {
      await rig.client.post(Array.from({ length: BATCH }, () => makeEvent()))
    }
    await untilReadable(rig.up.running.stores[1]!, BATCHES * BATCH)
    const answer = async () => (await rig.client.query('Q11', {})).body['rows']
    const nothing = { consumer: 1, claimable: 0, pending: 0, oldest_pending_seconds: 0 }
    await expect.poll(answer).toEqual([nothing])

    const during = await explained(rig)
    const reading = during.plan.nodes.filter((node) => node.includes('Scan'))
    expect(reading.length).toBeGreaterThan(0)
    expect(reading.filter((node) => node.startsWith('Seq'))).toEqual([])
    await holder.query('COMMIT')
    // A vacuum leaves what anybody's snapshot keeps, and a page that somebody holds: another one takes it.
    await expect
      .poll(async () => (await explained(rig)).bytesRead)
      .toBeLessThan(during.bytesRead / 3)
  } finally {
    await holder.end()
  }
})
