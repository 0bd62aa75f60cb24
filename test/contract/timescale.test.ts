/** timescale where it differs from one table: chunks that come with events, each way of dedup, sizes, what a build lacks. */
import { describe, expect, it } from 'vitest'
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import {
  hypertableSettings,
  useOfBuild,
} from '../../reference-impl/service-kit/postgres/hypertable.ts'
import { z } from 'zod'
import { ENGINES, heldBy, startRig, type Rig } from './architecture-rig.ts'
import { keyOf, makeEvent } from './service-client.ts'

const never = new AbortController().signal
const HOUR_MS = 3_600_000
const hoursFromNow = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString()
const isMissing =
  ENGINES === 'embedded' &&
  findPackage('timescaledb') === null &&
  process.env['HEADROOM_REQUIRE_ALL'] === undefined

async function ask<T>(rig: Rig, sql: string): Promise<T> {
  const address = rig.up.engines[0]!.engine.addressFor('harness') as PostgresAddress
  return await withClient(address, never, async (client) => {
    const { rows } = await client.query<{ answer: T }>(`SELECT (${sql}) AS answer`)
    return rows[0]!.answer
  })
}

const accepted = { accepted: 1, duplicate: 0, rejected: 0 }
const repeated = { accepted: 0, duplicate: 1, rejected: 0 }

describe.skipIf(isMissing)('timescale (headroom engines install timescaledb)', () => {
  it.each([
    ['identity-table', [accepted, repeated, repeated], 1],
    ['key', [accepted, repeated, accepted], 2],
    ['none', [accepted, accepted, accepted], 3],
  ])('dedup %s tells what it promises', async (dedup, expected, copies) => {
    await using rig = await startRig('timescale', { settings: { dedup, chunkInterval: '1 hour' } })
    const first = makeEvent({ timestamp: hoursFromNow(0) })
    const elsewhere = { ...first, timestamp: hoursFromNow(-5) }
    const answers = []
    for (const body of [first, first, elsewhere]) {
      const { items, ...counts } = (await rig.client.post(body)).body
      expect(items?.length ?? 0).toBe(counts.duplicate)
      answers.push(counts)
    }
    expect(answers).toEqual(expected)
    const { rows } = await heldBy(rig.up.running.stores[0]!)
    expect(rows.filter((key) => key === keyOf(first))).toHaveLength(copies)
    const { ack, stores } = rig.up.promises
    expect(stores[0]!.duplicates).toBe(dedup === 'none' ? 'kept' : 'one-row')
    expect(ack.includes('sent again')).toBe(dedup !== 'identity-table')
    const found = await rig.client.event(first)
    expect(found.body['event']).toMatchObject({ transaction_id: first.transaction_id })
  })

  it('makes a chunk per range and space partition as events come, and its size is theirs', async () => {
    await using rig = await startRig('timescale', {
      settings: { chunkInterval: '1 day', spacePartitions: 2, dedup: 'key' },
      schemaVariant: 'lean',
    })
    const chunks = `SELECT count(*)::int FROM timescaledb_information.chunks WHERE hypertable_name = 'events'`
    expect(await ask(rig, chunks)).toBe(0)
    const events = Array.from({ length: 400 }, (_, n) =>
      makeEvent({ timestamp: hoursFromNow(-24 * (n % 3)) }),
    )
    const answer = await rig.client.post(events)
    expect(answer.body).toMatchObject({ accepted: 400, rejected: 0 })
    const made = await ask<number>(rig, chunks)
    expect(made).toBeGreaterThanOrEqual(3)
    expect(made).toBeLessThanOrEqual(8)
    const size = await rig.up.running.stores[0]!.size(never)
    expect(size.rows).toBe(400)
    expect(size.heapBytes).toBeGreaterThan(400 * 100)
    expect(size.totalBytes).toBe(Number(await ask<string>(rig, `SELECT hypertable_size('events')`)))
  })

  it.runIf(ENGINES === 'embedded')('names what the Apache build cannot do', async () => {
    await using rig = await startRig('timescale')
    expect(rig.up.facts.notMeasured).toEqual([
      expect.stringMatching(/^compression: TimescaleDB 2\.\d+\.\d+ \(apache\) has none$/),
      expect.stringMatching(/^continuous aggregates: /),
    ])
  })
})

describe('what a build can do', () => {
  const settings = z.object(hypertableSettings).parse({})
  const community = {
    timescaledb: '2.31.0 (timescale)',
    compression: 'yes',
    continuousAggregates: 'yes',
  }

  it('is used where it is there', () => {
    const { parts, statements, notMeasured } = useOfBuild(settings, community)
    expect(parts).toEqual(['continuous-aggregate'])
    expect(statements.join()).toContain(`interval '7 days'`)
    expect(notMeasured).toEqual([])
  })

  it('is not asked for where the target does without', () => {
    const without = { ...settings, compressAfterDays: null, continuousAggregate: false }
    expect(useOfBuild(without)).toEqual({ parts: [], statements: [], notMeasured: [] })
    expect(useOfBuild(settings).notMeasured).toHaveLength(2)
  })
})
