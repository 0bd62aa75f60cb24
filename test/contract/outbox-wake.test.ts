/** How many notifications an array of events is, as a listener of the server hears them (mission-map C18). */
import { expect, it } from 'vitest'
import { CHANNEL } from '../../reference-impl/service-kit/outbox/schema.ts'
import { startRig, untilReadable } from './architecture-rig.ts'
import { clientOf } from './rig-sql.ts'
import { makeEvent } from './service-client.ts'

const EVENTS = 20
const CONSUMERS = 2

it.each([
  { wake: 'row', notifications: EVENTS * CONSUMERS },
  { wake: 'batch', notifications: 1 },
  { wake: 'poll', notifications: 0 },
])('an array of events is told as wake: $wake says', async ({ wake, notifications }) => {
  await using rig = await startRig('outbox', { settings: { wake, consumers: CONSUMERS } })
  const listener = await clientOf(rig)
  try {
    const heard: (string | undefined)[] = []
    listener.on('notification', ({ payload }) => heard.push(payload))
    await listener.query(`LISTEN ${CHANNEL}`)
    await rig.client.post(Array.from({ length: EVENTS }, () => makeEvent()))
    for (const store of rig.up.running.stores) await untilReadable(store, EVENTS)
    // Whatever was sent before this one was heard before it.
    await listener.query(`NOTIFY ${CHANNEL}, 'last'`)
    await expect.poll(() => heard.at(-1)).toBe('last')
    const told = heard.slice(0, -1)
    expect(told).toHaveLength(notifications)
    // PostgreSQL sends what says the same once for a transaction: rows have to differ.
    expect(new Set(told).size).toBe(told.length)
  } finally {
    await listener.end()
  }
})
