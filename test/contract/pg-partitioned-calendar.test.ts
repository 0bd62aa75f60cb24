/** pg-partitioned by weeks and months, whose lengths and names pg_partman and our own worker each have to agree on with us. */
import { describe, expect, it } from 'vitest'
import {
  partitionName,
  rangeAt,
  rangeBeside,
  rangesAround,
  type Range,
} from '../../reference-impl/service-kit/postgres/partition/ranges.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { ENGINES, heldBy, startRig, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { keyOf, makeEvent } from './service-client.ts'

const PARTITIONS = 5
const AHEAD = 2
const RETAINED = 4
const isRequired = process.env['HEADROOM_REQUIRE_ALL'] !== undefined
const MAKERS =
  ENGINES === 'embedded' && (findPackage('pg_partman') !== null || isRequired)
    ? (['own', 'pg_partman'] as const)
    : (['own'] as const)
const CASES = MAKERS.flatMap((maker) =>
  (['week', 'month'] as const).map((interval) => ({ maker, interval })),
)

/** Name and bounds of each, as the server has them. */
async function partitionsOf(rig: Rig): Promise<ReadonlyMap<string, string>> {
  const rows = await sqlOf<{ name: string; bounds: string }>(
    rig,
    `SELECT relname AS name, pg_get_expr(relpartbound, pg_class.oid) AS bounds
       FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid, set_config('TimeZone', 'UTC', false)
      WHERE inhparent = 'events'::regclass AND relname <> 'events_default' ORDER BY 1`,
  )
  return new Map(rows.map(({ name, bounds }) => [name, bounds]))
}

const serverBounds = ({ from, to }: Range): string => {
  const [first, last] = [from, to].map(
    (at) => `'${at.toISOString().replace('T', ' ').replace('.000Z', '+00')}'`,
  )
  return `FOR VALUES FROM (${first!}) TO (${last!})`
}

describe.each(CASES)('pg-partitioned by $interval, maintained by $maker', ({ maker, interval }) => {
  it('has the partitions of the calendar, gives a late row its own, and drops what is past', async () => {
    await using rig = await startRig('pg-partitioned', {
      settings: {
        maintenance: maker,
        partitionBy: interval,
        partitions: PARTITIONS,
        partitionsAhead: AHEAD,
        retainPartitions: RETAINED,
        maintenanceEveryS: 0.3,
      },
    })
    const now = new Date()
    const named = (range: Range) =>
      [partitionName(interval, range, maker), serverBounds(range)] as const
    const expected = rangesAround(interval, now, {
      behind: PARTITIONS - 1 - AHEAD,
      ahead: AHEAD,
    }).map(named)
    const atStart = await partitionsOf(rig)
    expect([...atStart]).toEqual(expect.arrayContaining(expected))
    // Of ranges ahead pg_partman counts from the moment, not from the beginning of its range: it may have one more.
    expect(atStart.size).toBeOneOf([PARTITIONS, maker === 'own' ? PARTITIONS : PARTITIONS + 1])

    const current = rangeAt(interval, now)
    const firstOf = (steps: number): string =>
      rangeBeside(interval, current, steps).from.toISOString()
    const lastOf = (steps: number): string =>
      new Date(rangeBeside(interval, current, steps).to.getTime() - 1).toISOString()
    const inTime = [now.toISOString(), firstOf(0), lastOf(0), firstOf(AHEAD), lastOf(-2)]
    const late = [firstOf(-RETAINED), lastOf(-RETAINED), firstOf(-RETAINED + 1)]
    const past = [lastOf(-RETAINED - 1), '1999-01-01T00:00:00Z']
    const [kept, gone] = [[...inTime, ...late], past].map((times) =>
      times.map((timestamp) => makeEvent({ timestamp })),
    )
    const answer = await rig.client.post([...kept!, ...gone!])
    expect(answer.body).toMatchObject({ accepted: kept!.length, rejected: gone!.length })
    // What got in when it was young.
    for (const { organization_id, transaction_id, timestamp } of gone!) {
      await sqlOf(
        rig,
        `INSERT INTO events (organization_id, transaction_id, timestamp, external_customer_id, code)
         VALUES ($1, $2, $3, 'c', 'c')`,
        [organization_id, transaction_id, timestamp],
      )
    }

    const store = rig.up.running.stores[0]!
    const lateRanges = [-RETAINED, -RETAINED + 1].map((steps) =>
      named(rangeBeside(interval, current, steps)),
    )
    await expect
      .poll(async () => [...(await partitionsOf(rig))])
      .toEqual(expect.arrayContaining([...expected, ...lateRanges]))
    await expect
      .poll(async () => (await heldBy(store)).rows.toSorted())
      .toEqual(kept!.map(keyOf).toSorted())
    const [waiting] = await sqlOf<{ n: number }>(
      rig,
      'SELECT count(*)::int AS n FROM events_default',
    )
    expect(waiting!.n).toBe(0)
    // A partition of our own name that pg_partman did not take for its own would never be dropped.
    if (maker === 'pg_partman') {
      const known = await sqlOf<{ name: string }>(
        rig,
        `SELECT partition_tablename AS name FROM partman.show_partitions('public.events')`,
      )
      expect(known.map(({ name }) => name).toSorted()).toEqual([
        ...(await partitionsOf(rig)).keys(),
      ])
    }
    // Time goes on: what was within retention is past it.
    const oldest = partitionName(interval, rangeBeside(interval, current, -RETAINED - 1), maker)
    await sqlOf(
      rig,
      `CREATE TABLE ${oldest} PARTITION OF events ${serverBounds(rangeBeside(interval, current, -RETAINED - 1))}`,
    )
    await expect.poll(async () => [...(await partitionsOf(rig)).keys()]).not.toContain(oldest)
    expect([...(await partitionsOf(rig))]).toEqual(expect.arrayContaining(lateRanges))
  })
})
