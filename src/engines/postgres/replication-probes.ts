/**
 * How far standbys and slots are behind, as their primary sees it. In: a session on the primary. Out: lag in seconds
 * and bytes per standby; per slot the WAL it keeps, its age, its status and its snapshot. Nothing where there is none.
 */
import type { Client } from 'pg'
import type { Sample } from '../../collect/probe.ts'
import type { MetricId } from '../../collect/metrics.ts'
import { PositionClock } from './position-clock.ts'

/** A standby has a primary's position too: what it has received (it may have standbys and slots of its own). */
const POSITION = `SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
  pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                       ELSE pg_current_wal_insert_lsn() END, '0/0')::float8 AS newest`

interface PositionRow {
  readonly now: number
  /** null on a standby that has received nothing yet. */
  readonly newest: number | null
}

interface StandbyRow extends PositionRow {
  readonly standby: string
  /** null where the role may not see another’s session. */
  readonly sent: number | null
  readonly flushed: number | null
  readonly replayed: number | null
  readonly writeS: number | null
  readonly flushS: number | null
  readonly replayS: number | null
}

interface SlotRow extends PositionRow {
  readonly slot: string
  readonly active: boolean
  readonly status: string | null
  /** null for a slot that reserves nothing, or whose WAL is gone. */
  readonly restart: number | null
  readonly safe: number | null
  readonly xminAge: number | null
}

export class ReplicationProbes {
  readonly #positions = new PositionClock()
  /** Version 13 has the columns of a slot's status; before, they are not asked for. */
  #slotsSql: string | null = null

  async readStandbys(client: Client): Promise<readonly Sample[]> {
    const { rows } = await client.query<StandbyRow>(
      `WITH primary_position AS MATERIALIZED (${POSITION})
       SELECT now, newest, coalesce(nullif(application_name, ''), 'pid ' || pid) AS standby,
              pg_wal_lsn_diff(sent_lsn, '0/0')::float8 AS sent,
              pg_wal_lsn_diff(flush_lsn, '0/0')::float8 AS flushed,
              pg_wal_lsn_diff(replay_lsn, '0/0')::float8 AS replayed,
              extract(epoch FROM write_lag)::float8 AS "writeS",
              extract(epoch FROM flush_lag)::float8 AS "flushS",
              extract(epoch FROM replay_lag)::float8 AS "replayS"
         FROM primary_position, pg_stat_replication WHERE state <> 'backup' ORDER BY pid`,
    )
    for (const row of rows) this.#look(row)
    return [
      { metric: 'replica.standbys', label: null, value: rows.length },
      ...rows.flatMap((row) => this.#standbySamples(row)),
    ]
  }

  async readSlots(client: Client): Promise<readonly Sample[]> {
    this.#slotsSql ??= await slotsQuery(client)
    const { rows } = await client.query<SlotRow>(this.#slotsSql)
    for (const row of rows) this.#look(row)
    return rows.flatMap((row) => this.#slotSamples(row))
  }

  #look({ now, newest }: PositionRow): void {
    if (newest !== null) this.#positions.look(now, newest)
  }

  #standbySamples(row: StandbyRow): readonly Sample[] {
    const { standby, now, newest } = row
    const sample = (metric: MetricId, value: number): Sample => ({ metric, label: standby, value })
    // The server reports the last lag it measured for as long as a position stands still: its age says more then.
    const seconds = (metric: MetricId, saidS: number | null, position: number | null): Sample[] =>
      position === null
        ? []
        : [sample(metric, Math.max(saidS ?? 0, this.#positions.ageS(now, position)))]
    const bytes = (metric: MetricId, position: number | null): Sample[] =>
      position === null || newest === null ? [] : [sample(metric, Math.max(0, newest - position))]
    return [
      // A written position has no age of its own worth telling beside the flushed one.
      ...(row.writeS === null ? [] : [sample('replica.writeLagS', row.writeS)]),
      ...seconds('replica.flushLagS', row.flushS, row.flushed),
      ...seconds('replica.replayLagS', row.replayS, row.replayed),
      ...bytes('replica.sendLagBytes', row.sent),
      ...bytes('replica.flushLagBytes', row.flushed),
      ...bytes('replica.replayLagBytes', row.replayed),
    ]
  }

  #slotSamples(row: SlotRow): readonly Sample[] {
    const { slot, active, status, restart, safe, xminAge, now, newest } = row
    const sample = (metric: MetricId, value: number, label = slot): Sample => ({
      metric,
      label,
      value,
    })
    return [
      ...(restart === null || newest === null
        ? []
        : [
            sample('slot.lagBytes', Math.max(0, newest - restart)),
            sample('slot.restartAgeS', this.#positions.ageS(now, restart)),
          ]),
      ...(status === null
        ? []
        : [sample('slot.walStatus', 1, `${slot}: ${status}${active ? '' : ', unread'}`)]),
      ...(safe === null ? [] : [sample('slot.safeWalBytes', safe)]),
      ...(xminAge === null ? [] : [sample('slot.xminAgeTransactions', xminAge)]),
    ]
  }
}

async function slotsQuery(client: Client): Promise<string> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'pg_replication_slots'::regclass
                       AND attname = 'wal_status') AS found`,
  )
  const status =
    rows[0]?.found === true
      ? `wal_status AS status, safe_wal_size::float8 AS safe`
      : `NULL::text AS status, NULL::float8 AS safe`
  return `WITH primary_position AS MATERIALIZED (${POSITION})
    SELECT now, newest, slot_name AS slot, active, ${status},
           pg_wal_lsn_diff(restart_lsn, '0/0')::float8 AS restart,
           greatest(age(xmin), age(catalog_xmin))::float8 AS "xminAge"
      FROM primary_position, pg_replication_slots ORDER BY slot_name`
}
