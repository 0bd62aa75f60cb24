/**
 * Writes of any time the door lets in: whatever they are staged as moves to the time series, in few partitions, and nobody waits
 * for the making of one (mission-map B12, H9).
 */
import { describe, expect, it } from 'vitest'
import { heldBy, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { clientOf, sqlOf } from './rig-sql.ts'
import { makeWrite, writeKeyOf, type WriteBody } from './shape-kits.ts'

const DAY_MS = 86_400_000
const nowMs = Date.now()
const writeAt = (ms: number): WriteBody =>
  makeWrite({ critical: false, written_at: new Date(ms).toISOString() })
const daysAgo = (days: number): WriteBody => writeAt(nowMs - days * DAY_MS)
const monthsFrom1900 = (count: number): readonly WriteBody[] =>
  Array.from({ length: count }, (_, month) => writeAt(Date.UTC(1900, month, 15)))
const daysUpTo = (ahead: number, count: number): readonly WriteBody[] =>
  Array.from({ length: count }, (_, day) => daysAgo(day - ahead))
const keys = (...writes: readonly WriteBody[]): readonly string[] => writes.map(writeKeyOf).sort()
const stored = async (rig: Rig): Promise<readonly string[]> =>
  [...(await heldBy(rig.up.running.stores[0]!)).rows].sort()
const accepted = async (rig: Rig, ...writes: readonly WriteBody[]): Promise<void> => {
  expect((await rig.client.post(writes)).body).toMatchObject({ accepted: writes.length })
}
const partitions = async (rig: Rig): Promise<readonly string[]> => {
  const rows = await sqlOf<{ name: string }>(
    rig,
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits
      WHERE inhparent = 'entity_values_ts'::regclass ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}
const countOf = async (rig: Rig, table: string): Promise<number> => {
  const [row] = await sqlOf<{ n: number }>(rig, `SELECT count(*)::int AS n FROM ${table}`)
  return row!.n
}
const nameOf = ({ written_at }: WriteBody): string =>
  `entity_values_ts_${written_at.slice(0, 10).replaceAll('-', '')}`
const workerOf = (rig: Rig) => rig.up.running.parts.find(({ kind }) => kind === 'worker')!

/** Those around now, the default, and a hundred tables for late writes. */
const PARTITIONS_MAX = 104

describe('one request of very many times', () => {
  it.each([
    ['4,800 months', { partitionBy: 'month' }, monthsFrom1900(4_800)],
    [
      '10,000 days, each in 16 shards',
      { partitionBy: 'day', hashShards: 16 },
      daysUpTo(99, 10_000),
    ],
  ])('stops no flush and makes few partitions: %s', async (_name, settings, writes) => {
    await using rig = await startRig('eav', { settings })
    await accepted(rig, ...writes)
    const fresh = writeAt(Date.now())
    await accepted(rig, fresh)
    await untilReadable(rig.up.running.stores[0]!, writes.length + 1)
    expect(await stored(rig)).toEqual(keys(...writes, fresh))
    const shards = 'hashShards' in settings ? settings.hashShards : 1
    expect((await partitions(rig)).length).toBeLessThan(PARTITIONS_MAX / shards + 4)
    // A read that names no time opens all of them.
    const first = writes[0]!
    expect((await rig.client.eventBy(first.tenant_id, first.write_id)).status).toBe(200)
    // The same again is told, wherever it lies now.
    const last = writeAt(Date.now())
    await accepted(rig, ...writes)
    await accepted(rig, last)
    await untilReadable(rig.up.running.stores[0]!, writes.length + 2)
    await expect.poll(() => countOf(rig, 'entity_values_ingest')).toBe(0)
    expect(await stored(rig)).toEqual(keys(...writes, fresh, last))
  })
})

describe('a backlog of more partitions than one transaction can lock', () => {
  it('moves part by part, and loses nothing', async () => {
    const small = { max_connections: '50', max_locks_per_transaction: '10' }
    await using rig = await startRig('eav', {
      settings: { partitionBy: 'day' },
      engines: { database: { settings: small } },
    })
    await workerOf(rig).fault('kill')
    const writes = Array.from({ length: 500 }, (_, day) => daysAgo(day))
    const client = await clientOf(rig)
    for (const { written_at } of writes) {
      await client.query('SELECT ensure_partition($1)', [written_at])
    }
    await accepted(rig, ...writes)
    await expect(sqlOf(rig, 'SELECT moved FROM stage_flush()')).rejects.toThrow(
      'out of shared memory',
    )
    await workerOf(rig).fault('restart')
    await expect.poll(() => countOf(rig, 'entity_values_ingest'), { timeout: 20_000 }).toBe(0)
    // A read of all of them at once is more than this lock table holds, too.
    for (const write of writes) {
      const { rows } = await client.query(`SELECT write_id FROM ${nameOf(write)}`)
      expect(rows).toEqual([{ write_id: write.write_id }])
    }
    await client.end()
  })
})

describe('a long reader of the time series', () => {
  it('holds up no flush and no other reader when a late write wants a partition, which is made when the reader ends', async () => {
    await using rig = await startRig('eav', { settings: { partitionBy: 'day' } })
    const reader = await clientOf(rig)
    await reader.query('BEGIN; SELECT count(*) FROM entity_values_ts')
    const late = daysAgo(30)
    await accepted(rig, late)
    await untilReadable(rig.up.running.stores[0]!, 1)
    const fresh = Array.from({ length: 20 }, () => writeAt(Date.now()))
    for (const write of fresh) {
      await accepted(rig, write)
      await sqlOf(rig, `SET statement_timeout = '5s'; SELECT count(*) FROM entity_values_ts`)
    }
    await untilReadable(rig.up.running.stores[0]!, 21)
    expect(await partitions(rig)).not.toContain(nameOf(late))
    expect(await countOf(rig, 'entity_values_ts_default')).toBe(1)
    await reader.end()
    await expect.poll(() => partitions(rig), { timeout: 20_000 }).toContain(nameOf(late))
    expect(await countOf(rig, 'entity_values_ts_default')).toBe(0)
    expect(await countOf(rig, nameOf(late))).toBe(1)
    expect(await stored(rig)).toEqual(keys(late, ...fresh))
  })
})

describe('rows in the default partition', () => {
  it('move when somebody makes their partition, keep their ids, and are told when they are sent again', async () => {
    await using rig = await startRig('eav', { settings: { hashShards: 2 } })
    const [far, other] = [writeAt(Date.UTC(1999, 4, 1)), writeAt(Date.UTC(2040, 4, 1))]
    await accepted(rig, far, other)
    await untilReadable(rig.up.running.stores[0]!, 2)
    expect(await countOf(rig, 'entity_values_ts_default')).toBe(2)
    const ids = () =>
      sqlOf(rig, 'SELECT id, write_id FROM entity_values_ts WHERE ingested_at < now() ORDER BY 1')
    const before = await ids()
    await sqlOf(rig, 'SELECT ensure_partition($1)', [far.written_at])
    expect(await countOf(rig, nameOf(far))).toBe(1)
    expect(await countOf(rig, 'entity_values_ts_default')).toBe(1)
    expect(await ids()).toEqual(before)
    await accepted(rig, far, other)
    await expect.poll(() => countOf(rig, 'entity_values_ingest')).toBe(0)
    expect(await stored(rig)).toEqual(keys(far, other))
  })
})
