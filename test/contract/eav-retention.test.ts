/** Partitions of eav past retention: dropped whole by the worker, and never in the way of what is staged (mission-map B12). */
import { describe, expect, it } from 'vitest'
import { heldBy, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { clientOf, sqlOf } from './rig-sql.ts'
import { makeWrite, writeKeyOf, type WriteBody } from './shape-kits.ts'

const DAY_MS = 86_400_000
const daysAgo = (days: number): WriteBody =>
  makeWrite({ written_at: new Date(Date.now() - days * DAY_MS).toISOString() })
const stored = async (rig: Rig): Promise<readonly string[]> =>
  [...(await heldBy(rig.up.running.stores[0]!)).rows].sort()
const keys = (...writes: readonly WriteBody[]): readonly string[] => writes.map(writeKeyOf).sort()
const settings = (retainPartitions: number | null) => ({ partitionBy: 'day', retainPartitions })

/** The worker looks after partitions when it begins, and then once a minute. */
async function beginAgain(rig: Rig): Promise<void> {
  const worker = rig.up.running.parts.find(({ kind }) => kind === 'worker')
  await worker?.fault('kill')
  await worker?.fault('restart')
}

async function insert(
  rig: Rig,
  { tenant_id, entity_id, write_id, written_at }: WriteBody,
): Promise<void> {
  await sqlOf(
    rig,
    `INSERT INTO entity_values_ts (tenant_id, entity_id, attribute_id, is_number, critical, value, write_id, ingested_at)
     VALUES ($1, $2, 0, false, false, 'v', $3, $4)`,
    [tenant_id, entity_id, write_id, written_at],
  )
}

/** Rows that got in when they were young. */
async function hold(rig: Rig, writes: readonly WriteBody[]): Promise<void> {
  for (const write of writes) {
    await sqlOf(rig, 'SELECT ensure_partition($1)', [write.written_at])
    await insert(rig, write)
  }
}

/** A transaction that has read the series, and holds its lock until the returned function is called. */
async function reading(rig: Rig): Promise<() => Promise<void>> {
  const client = await clientOf(rig)
  await client.query('BEGIN; SELECT count(*) FROM entity_values_ts')
  return () => client.end()
}

describe('partitions past retention', () => {
  it.each([1, 4])('are dropped whole: %i past days are kept', async (retain) => {
    await using rig = await startRig('eav', { settings: { ...settings(retain), hashShards: 2 } })
    const writes = Array.from({ length: 7 }, (_, days) => daysAgo(days))
    await hold(rig, writes)
    await beginAgain(rig)
    await expect.poll(() => stored(rig)).toEqual(keys(...writes.slice(0, retain + 1)))
  })

  it('are left in the default partition by nobody: rows there go one by one', async () => {
    await using rig = await startRig('eav', { settings: settings(200) })
    const [kept, past] = [daysAgo(150), daysAgo(201)]
    expect((await rig.client.post([kept])).body).toMatchObject({ accepted: 1 })
    await untilReadable(rig.up.running.stores[0]!, 1)
    await insert(rig, past)
    expect(await sqlOf(rig, 'SELECT FROM entity_values_ts_default')).toHaveLength(2)
    await beginAgain(rig)
    await expect.poll(() => stored(rig)).toEqual(keys(kept))
  })

  it('take no new write: it is rejected, with the reason', async () => {
    await using rig = await startRig('eav', { settings: settings(1) })
    const [kept, old] = [daysAgo(1), daysAgo(2)]
    const { body } = await rig.client.post([old, kept])
    expect(body).toMatchObject({ accepted: 1, rejected: 1 })
    expect(body.items?.[0]?.reason).toMatch(/^past retention: nothing before .* is kept$/)
    await untilReadable(rig.up.running.stores[0]!, 1)
    expect(await stored(rig)).toEqual(keys(kept))
  })

  it('are all kept where nothing is said', async () => {
    await using rig = await startRig('eav', { settings: settings(null) })
    const writes = [daysAgo(0), daysAgo(400)]
    expect((await rig.client.post(writes)).body).toMatchObject({ accepted: 2 })
    await untilReadable(rig.up.running.stores[0]!, 2)
    await beginAgain(rig)
    expect((await rig.client.post([daysAgo(1)])).body).toMatchObject({ accepted: 1 })
    await untilReadable(rig.up.running.stores[0]!, 3)
  })

  it('wait for a long reader, and what is staged does not', async () => {
    await using rig = await startRig('eav', { settings: settings(0) })
    const [old, fresh] = [daysAgo(3), daysAgo(0)]
    await hold(rig, [old])
    const done = await reading(rig)
    await beginAgain(rig)
    expect((await rig.client.post([fresh])).body).toMatchObject({ accepted: 1 })
    await untilReadable(rig.up.running.stores[0]!, 2)
    await done()
    await beginAgain(rig)
    await expect.poll(() => stored(rig)).toEqual(keys(fresh))
  })
})
