/** What eav loses, and what it does not, when one of its parts is killed: by id set (mission-map H13, H14). */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { PROJECTION_CHECK } from '../../reference-impl/service-kit/eav/statements.ts'
import type { Part } from '../../src/architecture/part.ts'
import { heldBy, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeWrite, writeKeyOf, type WriteBody } from './shape-kits.ts'

const partOf = (rig: Rig, name: string): Part => {
  const parts = [...rig.up.running.parts, ...rig.up.engines.flatMap(({ engine }) => engine.parts)]
  const part = parts.find((one) => one.name === name)
  if (part === undefined) throw new Error(`eav has no part ${name}`)
  return part
}
const entityOf = (rig: Rig, { tenant_id, entity_id }: WriteBody) =>
  rig.client.get(
    '/v1/entities/{tenant_id}/{entity_id}',
    `/v1/entities/${tenant_id}/${String(entity_id)}`,
  )
const stored = async (rig: Rig): Promise<readonly string[]> =>
  [...(await heldBy(rig.up.running.stores[0]!)).rows].sort()
const projection = async (rig: Rig) =>
  (
    await sqlOf<Record<'attributes' | 'behind' | 'ahead' | 'wrong', number>>(rig, PROJECTION_CHECK)
  )[0]!
const keys = (writes: readonly WriteBody[]): readonly string[] => writes.map(writeKeyOf).sort()
const writesOf = (count: number): readonly WriteBody[] =>
  Array.from({ length: count }, (_, index) =>
    makeWrite({
      entity_id: index % 9,
      attribute: `a${String(index % 4)}`,
      critical: index % 4 < 2,
    }),
  )
const accepted = async (rig: Rig, writes: readonly WriteBody[]): Promise<void> => {
  expect((await rig.client.post(writes)).body).toMatchObject({ accepted: writes.length })
}

describe('a crash of PostgreSQL while rows are staged', () => {
  it('loses exactly the acknowledged rows that no flush had moved, and no critical value', async () => {
    await using rig = await startRig('eav', { settings: { flushMs: 60_000 } })
    const [flushed, staged] = [writesOf(40), writesOf(60)]
    await accepted(rig, flushed)
    await sqlOf(rig, 'SELECT ensure_partitions()')
    await sqlOf(rig, 'SELECT moved FROM stage_flush()')
    await accepted(rig, staged)
    await partOf(rig, 'postgres').fault('kill')
    await partOf(rig, 'postgres').fault('restart')
    expect(await stored(rig)).toEqual(keys(flushed))
    expect(await sqlOf(rig, 'SELECT FROM entity_values_ingest')).toEqual([])
    // Logged, so it knows what the time series has lost: ahead of it by the critical half, behind it nowhere.
    expect(await projection(rig)).toMatchObject({ behind: 0, wrong: 0 })
    const lostCritical = staged.filter((write) => write.critical)
    expect((await projection(rig)).ahead).toBe(lostCritical.length)
    await expect
      .poll(async () => (await entityOf(rig, lostCritical[0]!)).status, { timeout: 20_000 })
      .toBe(200)
  })

  it('loses none of them with staging: logged', async () => {
    await using rig = await startRig('eav', { settings: { flushMs: 60_000, staging: 'logged' } })
    const writes = writesOf(100)
    await accepted(rig, writes)
    await partOf(rig, 'postgres').fault('kill')
    await partOf(rig, 'postgres').fault('restart')
    await sqlOf(rig, 'SELECT ensure_partitions()')
    await sqlOf(rig, 'SELECT moved FROM stage_flush()')
    expect(await stored(rig)).toEqual(keys(writes))
    expect(await projection(rig)).toMatchObject({ behind: 0, ahead: 0, wrong: 0 })
  })

  it('is over as soon as it is back: the worker makes partitions and flushes again', async () => {
    await using rig = await startRig('eav')
    await accepted(rig, writesOf(30))
    await untilReadable(rig.up.running.stores[0]!, 30)
    await partOf(rig, 'postgres').fault('kill')
    await partOf(rig, 'postgres').fault('restart')
    const late = makeWrite({ written_at: '2019-05-05T00:00:00Z' })
    await expect
      .poll(async () => (await rig.client.post(late)).status, { timeout: 20_000 })
      .toBe(200)
    await untilReadable(rig.up.running.stores[0]!, 31)
    expect(await stored(rig)).toContain(writeKeyOf(late))
  })
})

describe('a death of the flusher', () => {
  it('loses nothing: rows wait, are readable one by one, and move when it is back', async () => {
    await using rig = await startRig('eav')
    await partOf(rig, 'worker').fault('kill')
    const writes = writesOf(50)
    await accepted(rig, writes)
    expect((await rig.client.eventBy(writes[7]!.tenant_id, writes[7]!.write_id)).status).toBe(200)
    expect(await stored(rig)).toEqual([])
    const { tenant_id } = writes[0]!
    const range = { from: '2026-02-05T00:00:00Z', to: '2026-02-20T00:00:00Z' }
    const ackedMs = performance.now()
    await expect.poll(() => performance.now() - ackedMs).toBeGreaterThan(60)
    const q10 = await rig.client.query('Q10', { tenant_id, ...range })
    // The time series lacks all of them, on the primary too, and says for how long by now.
    expect(Number(q10.headers.get('x-data-lag-seconds'))).toBeGreaterThanOrEqual(0.06)
    expect(q10.headers.get('x-consistency-level')).toBe('eventual')
    expect(q10.body['stale']).toBe(false)
    await partOf(rig, 'worker').fault('restart')
    await untilReadable(rig.up.running.stores[0]!, writes.length)
    expect(await stored(rig)).toEqual(keys(writes))
    const samples = await Promise.all(
      rig.up.running.probes.map((probe) => probe.sample(AbortSignal.timeout(5_000))),
    )
    const flushed = samples.flat().find(({ metric }) => metric === 'staging.storedRows')
    expect(flushed).toEqual({ metric: 'staging.storedRows', label: 'worker', value: writes.length })
  })
})

describe('a death of Redis', () => {
  it('costs no own write its reader: before, while it is away, and after, and is counted', async () => {
    await using rig = await startRig('eav')
    const tenant_id = randomUUID()
    let second = 0
    const writeAndRead = async (source: string): Promise<void> => {
      second++
      const write = makeWrite({
        tenant_id,
        value: `v${String(second)}`,
        written_at: new Date(Date.UTC(2026, 1, 1) + second * 1_000).toISOString(),
      })
      await accepted(rig, [write])
      const answer = await entityOf(rig, write)
      expect(answer.body['entity']).toMatchObject({ hot_attrs: { color: write.value } })
      expect(answer.body['stale']).toBe(false)
      expect(answer.headers.get('x-data-source')).toBe(source)
    }
    await writeAndRead('redis.entity_cache')
    await partOf(rig, 'redis').fault('kill')
    for (let round = 0; round < 5; round++) await writeAndRead('postgres.entity_jsonb')
    const metrics = await rig.client.metrics()
    expect(metrics.get('headroom_cache_bypassed_total')).toBeGreaterThan(0)
    expect(metrics.get('headroom_cache_errors_total')).toBeGreaterThan(0)
    expect(metrics.get('headroom_cache_up')).toBe(0)
    await partOf(rig, 'redis').fault('restart')
    await expect
      .poll(async () => (await rig.client.metrics()).get('headroom_cache_up'), { timeout: 20_000 })
      .toBe(1)
    await writeAndRead('redis.entity_cache')
  })

  it('that only stands still is as good as away: nothing waits for it, nothing old is read when it moves again', async () => {
    await using rig = await startRig('eav')
    const write = makeWrite({ value: 'old' })
    await accepted(rig, [write])
    await partOf(rig, 'redis').fault('freeze')
    const newer = {
      ...write,
      write_id: randomUUID(),
      value: 'new',
      written_at: '2026-03-01T00:00:00Z',
    }
    await accepted(rig, [newer])
    expect((await entityOf(rig, newer)).body['entity']).toMatchObject({
      hot_attrs: { color: 'new' },
    })
    await partOf(rig, 'redis').fault('thaw')
    await expect
      .poll(async () => (await rig.client.metrics()).get('headroom_cache_up'), { timeout: 20_000 })
      .toBe(1)
    // Redis itself still has the old one, of a generation that nobody asks for.
    for (let round = 0; round < 5; round++) {
      expect((await entityOf(rig, newer)).body['entity']).toMatchObject({
        hot_attrs: { color: 'new' },
      })
    }
  })
})
