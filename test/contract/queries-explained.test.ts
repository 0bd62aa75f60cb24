/** What PostgreSQL reads for a query (mission-map D12): known rows, the same question, and index sets that differ. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { askExplained } from '../../src/drive/explained.ts'
import { startRig, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeEvent } from './service-client.ts'

const EVENTS = 4_000
const PER_HOUR = EVENTS / 20
const PAGE_BYTES = 8_192
const ASKED = { from: '2031-05-06T03:00:00Z', to: '2031-05-06T04:00:00Z' }

interface Meta {
  readonly rowsRead: number | null
  readonly bytesRead: number | null
  readonly plan?: { readonly planMs: number; readonly nodes: readonly string[] }
}

/** Twenty hours in the order of their hours, as they arrive; statistics and visibility map as autovacuum leaves them. */
async function filled(schemaVariant: string): Promise<Rig> {
  const rig = await startRig('pg-direct', { schemaVariant })
  const organization = randomUUID()
  for (let hour = 0; hour < EVENTS / PER_HOUR; hour++) {
    const timestamp = `2031-05-06T${String(hour).padStart(2, '0')}:30:00Z`
    const events = Array.from({ length: PER_HOUR }, () =>
      makeEvent({ organization_id: organization, timestamp }),
    )
    const { body } = await rig.client.post(events)
    expect(body.accepted).toBe(PER_HOUR)
  }
  await sqlOf(rig, 'VACUUM ANALYZE events')
  return rig
}

async function explained(rig: Rig, name: string, params: Readonly<Record<string, string>>) {
  const { status, body } = await rig.client.query(name, { ...params, explain: '1' })
  expect(status).toBe(200)
  expect(body['rows']).toEqual([])
  return body['meta'] as Meta
}

it('reads every row for an hour of them without an index, and only the hour with one', async () => {
  const read = async (variant: string) => {
    await using rig = await filled(variant)
    const told = (await rig.client.query('Q1', ASKED)).body
    expect(told['rows']).toMatchObject([{ events: PER_HOUR }])
    // The measured phase is not slowed down by what only an explained query tells.
    expect(told['meta']).toMatchObject({ rowsRead: null, bytesRead: null })
    expect(told['meta']).not.toHaveProperty('plan')
    return await explained(rig, 'Q1', ASKED)
  }
  const all = await read('none')
  const some = await read('btree')
  expect(all.rowsRead).toBe(EVENTS)
  expect(some.rowsRead).toBe(PER_HOUR)
  expect(all.plan?.nodes).toContain('Seq Scan')
  expect(some.plan?.nodes.some((node) => node.includes('Index'))).toBe(true)
  for (const { bytesRead, plan } of [all, some]) {
    expect(bytesRead! % PAGE_BYTES).toBe(0)
    expect(plan!.planMs).toBeGreaterThan(0)
  }
  // An event is longer than a hundred bytes, whatever the page adds to it.
  expect(all.bytesRead).toBeGreaterThan(EVENTS * 100)
  expect(some.bytesRead).toBeGreaterThan(0)
  expect(some.bytesRead).toBeLessThan(all.bytesRead! / 4)
})

it('explains by the harness’s own question too, and leaves out what the service does not answer', async () => {
  await using rig = await filled('default')
  const said: string[] = []
  const found = await askExplained({
    url: rig.up.running.ingestUrl,
    names: ['Q1', 'Q9'],
    paramsOf: () => ASKED,
    signal: new AbortController().signal,
    log: (line) => said.push(line),
  })
  expect([...found.keys()]).toEqual(['Q1'])
  expect(found.get('Q1')).toMatchObject({ plan: { nodes: expect.any(Array) as unknown } })
  expect(found.get('Q1')!.rowsRead).toBeGreaterThanOrEqual(PER_HOUR)
  expect(said).toEqual(['Q9: what it reads is not known: HTTP 404'])
  expect((await rig.client.query('Q1', { ...ASKED, explain: 'yes' })).status).toBe(400)
})
