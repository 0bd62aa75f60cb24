/** What eav promises beyond the laws of every architecture, on real engines. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { heldBy, SKIPPED, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeWrite, writeKeyOf, type WriteBody } from './shape-kits.ts'
import { PROJECTION_CHECK } from '../../reference-impl/service-kit/eav/statements.ts'

const ENTITY_ROUTE = '/v1/entities/{tenant_id}/{entity_id}'

const entityOf = (rig: Rig, { tenant_id, entity_id }: WriteBody) =>
  rig.client.get(ENTITY_ROUTE, `/v1/entities/${tenant_id}/${String(entity_id)}`)

async function projection(rig: Rig): Promise<Record<string, number>> {
  const [row] = await sqlOf<Record<string, number>>(rig, PROJECTION_CHECK)
  return row!
}

const missing = SKIPPED.find(({ id }) => id === 'eav')?.because

describe.skipIf(missing !== undefined)(`eav (${missing ?? 'here'})`, () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig('eav')
  })
  afterAll(async () => {
    await rig[Symbol.asyncDispose]()
  })

  it('reads an own critical write from the cache right after its ack, without waiting for a flush', async () => {
    for (let round = 0; round < 20; round++) {
      const write = makeWrite({
        entity_id: 7,
        attribute: 'status',
        value: `state ${String(round)}`,
        critical: true,
      })
      expect((await rig.client.post(write)).body.accepted).toBe(1)
      const answer = await entityOf(rig, write)
      expect(answer.body).toEqual({
        entity: { tenant_id: write.tenant_id, entity_id: 7, hot_attrs: { status: write.value } },
        stale: false,
      })
      expect(answer.headers.get('x-data-source')).toBe('redis.entity_cache')
      expect(answer.headers.get('x-data-lag-seconds')).toBe('0.000')
      expect(answer.headers.get('x-consistency-level')).toBe('strong')
    }
    expect((await entityOf(rig, makeWrite())).status).toBe(404)
  })

  it('counts every read by what answered it, and the probe of a run finds that', async () => {
    const write = makeWrite({ entity_id: 9, attribute: 'color', value: 'red', critical: true })
    await rig.client.post(write)
    const { tenant_id, write_id } = write
    const reads = async () => {
      const probe = rig.up.running.probes.find(({ name }) => name === 'service freshness')!
      const samples = await probe.sample(AbortSignal.timeout(5_000))
      return new Map(samples.map(({ metric, label, value }) => [`${metric} ${label}`, value]))
    }
    const before = await reads()
    await entityOf(rig, write)
    await rig.client.eventBy(tenant_id, write_id)
    await rig.client.query('Q9', { tenant_id })
    await rig.client.query('Q10', { tenant_id })
    await rig.client.query('Q10', { tenant_id })
    const after = await reads()
    const more = (source: string) =>
      after.get(`replica.reads ${source}`)! - (before.get(`replica.reads ${source}`) ?? 0)
    expect(more('redis.entity_cache')).toBe(1)
    expect(more('postgres.entity_jsonb')).toBe(1)
    expect(more('postgres.entity_values_ts')).toBe(3)
    const page = await rig.client.metrics()
    expect(page.get('headroom_primary_reads_total{because="alone"}')).toBeGreaterThanOrEqual(3)
    expect(page.get('headroom_primary_reads_total{because="unlogged"}')).toBeGreaterThanOrEqual(1)
  })

  it('shows the latest write of each attribute, in whatever order they arrive, and nothing that is not critical', async () => {
    const tenant_id = randomUUID()
    const at = (second: number) => `2026-02-25T12:00:${String(second).padStart(2, '0')}Z`
    const of = (attribute: string, value: string | number, second: number, critical = true) =>
      makeWrite({ tenant_id, entity_id: 5, attribute, value, critical, written_at: at(second) })
    const writes = [
      of('color', 'red', 9),
      of('color', 'blue', 3),
      of('size', 120.5, 4),
      of('size', 7, 8),
      of('note', 'quiet', 1, false),
      of('color', 'green', 9 - 1),
    ]
    await Promise.all(writes.map((write) => rig.client.post(write)))
    await rig.client.post(writes.toReversed())
    const answer = await entityOf(rig, writes[0]!)
    expect(answer.body['entity']).toMatchObject({ hot_attrs: { color: 'red', size: 7 } })
  })

  it('agrees, projection and time series, after concurrent writes to few entities', async () => {
    const tenant_id = randomUUID()
    const writes = Array.from({ length: 600 }, (_, index) =>
      makeWrite({
        tenant_id,
        entity_id: index % 7,
        attribute: `attribute ${String(index % 5)}`,
        value: index % 3 === 0 ? index / 64 : `text ${String(index)}`,
        critical: index % 5 < 3,
        written_at: new Date(Date.UTC(2026, 1, 25) + ((index * 7_919) % 600) * 1_000).toISOString(),
      }),
    )
    const bodies = Array.from({ length: 60 }, (_, body) => writes.slice(body * 10, body * 10 + 10))
    await Promise.all([...bodies, ...bodies.slice(0, 20)].map((body) => rig.client.post(body)))
    const [store] = rig.up.running.stores
    await expect
      .poll(
        async () => (await heldBy(store!)).rows.filter((key) => key.startsWith(tenant_id)).sort(),
        { timeout: 20_000 },
      )
      .toEqual(writes.map(writeKeyOf).sort())
    expect(await projection(rig)).toMatchObject({ behind: 0, ahead: 0, wrong: 0 })
  })

  it('loses no row that is committed while a flush runs, whichever way the two interleave', async () => {
    const tenant_id = randomUUID()
    const before = (await heldBy(rig.up.running.stores[0]!)).rows.length
    const rounds = Array.from({ length: 60 }, (_, round) =>
      Array.from({ length: 1 + ((round * 37) % 200) }, () => makeWrite({ tenant_id })),
    )
    let running = true
    const flushing = Promise.all(
      Array.from({ length: 2 }, async () => {
        while (running) await sqlOf(rig, 'SELECT moved FROM stage_flush()')
      }),
    )
    const answers = await Promise.all(rounds.map((writes) => rig.client.post(writes)))
    running = false
    await flushing
    expect(answers.map(({ body }) => body.accepted)).toEqual(rounds.map(({ length }) => length))
    const sent = rounds.flat()
    await untilReadable(rig.up.running.stores[0]!, before + sent.length)
    const { rows } = await heldBy(rig.up.running.stores[0]!)
    expect(rows.filter((key) => key.startsWith(tenant_id)).sort()).toEqual(
      sent.map(writeKeyOf).sort(),
    )
  })
})
