/**
 * Q1 to Q4 of an architecture against a plain computation over what was sent: tests for the rig that a suite has up already,
 * because engines and service take seconds to start and this takes a quarter of one.
 */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Store } from '../../src/engines/engine.ts'
import { architectureById } from '../../src/target/registry.ts'
import { heldBy, type Rig } from './architecture-rig.ts'
import { keyOf, makeEvent, type EventBody } from './service-client.ts'

/** Those of another shape answer other queries: eav-queries.test.ts. */
export function answersQueries(architecture: string): boolean {
  return architectureById(architecture)?.queries.includes('Q1') === true
}

/** @param rigNow the rig that is up when a test runs */
export function itAnswersQueries(rigNow: () => Rig): void {
  it('answers Q1 to Q4 as a plain computation over what was sent', async () => {
    const rig = rigNow()
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
    // Whatever tells what is read: every answer of the store, or the same statement explained.
    const explained = await rig.client.query('Q1', { asOf: `${day}T12:30:00Z`, explain: '1' })
    expect((explained.body['meta'] as { rowsRead: number }).rowsRead).toBeGreaterThanOrEqual(
      within('11:30:00', '12:30:00').length,
    )
    for (const answer of [q1, q2, q3, q4]) {
      const { seconds } = answer.body['meta'] as { seconds: number }
      expect(seconds).toBeGreaterThan(0)
      expect(answer.body['stale']).toBe(false)
      expect(answer.headers.get('x-data-source')).toMatch(/\./)
    }
  })

  it('answers 400 to bad parameters and 404 to an unknown query', async () => {
    const rig = rigNow()
    expect((await rig.client.query('Q3', { organization_id: 'x' })).status).toBe(400)
    expect((await rig.client.query('Q1', { asOf: 'yesterday' })).status).toBe(400)
    expect((await rig.client.query('Q4', {})).status).toBe(400)
    expect((await rig.client.query('Q99', {})).status).toBe(404)
  })
}

async function expectEventually(store: Store, events: readonly EventBody[]): Promise<void> {
  const keys = new Set(events.map(keyOf))
  await expect
    .poll(async () => (await heldBy(store)).readable.filter((key) => keys.has(key)).length, {
      timeout: 20_000,
    })
    .toBe(keys.size)
}

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
