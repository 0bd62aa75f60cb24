/**
 * What keeps vacuum and other sessions from going on. In: a session. Out: the age of the oldest snapshot and who holds
 * it (a session, a standby, a prepared transaction, a slot); sessions blocked by a lock and how long they have waited.
 */
import type { Client } from 'pg'
import type { Sample } from '../../collect/probe.ts'
import type { MetricId } from '../../collect/metrics.ts'
import { HARNESS_APPLICATION } from './connection.ts'

/**
 * Everybody counts, the harness as well: a snapshot pins the rows whoever holds it. Only this session and what runs
 * VACUUM do not, as PostgreSQL itself leaves them out. A slot's catalog_xmin keeps catalogs alone and stands with the slot.
 */
const HOLDERS = `
SELECT holder, age::float8 AS age, held::float8 AS held FROM (
  SELECT greatest(age(backend_xmin), age(backend_xid)) AS age,
         extract(epoch FROM clock_timestamp() - xact_start) AS held,
         CASE WHEN backend_type = 'walsender' THEN 'standby ' ELSE 'session ' END
           || coalesce(nullif(application_name, ''), 'of ' || usename, backend_type)
           || coalesce(' (' || nullif(state, '') || ')', '') AS holder
    FROM pg_stat_activity
   WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
     AND coalesce(backend_xmin, backend_xid) IS NOT NULL
     AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
  UNION ALL
  SELECT age(transaction), extract(epoch FROM clock_timestamp() - prepared),
         'prepared transaction'
    FROM pg_prepared_xacts WHERE database = current_database()
  UNION ALL
  SELECT age(xmin), NULL, 'slot ' || slot_name FROM pg_replication_slots WHERE xmin IS NOT NULL
) AS holders ORDER BY age DESC, held DESC NULLS LAST LIMIT 1`

interface HolderRow {
  readonly holder: string
  readonly age: number
  readonly held: number | null
}

export async function readHorizon(client: Client): Promise<readonly Sample[]> {
  const { rows } = await client.query<HolderRow>(HOLDERS)
  const [oldest] = rows
  if (oldest === undefined) {
    return [sample('horizon.ageTransactions', 0), sample('horizon.heldS', 0)]
  }
  const { holder, age, held } = oldest
  return [
    sample('horizon.ageTransactions', age),
    ...(held === null ? [] : [sample('horizon.heldS', held)]),
    sample('horizon.holderAgeTransactions', age, holder),
  ]
}

export class BlockedSessions {
  #sql: string | null = null

  /** @param only sessions whose application is like this; null: all but the harness's */
  async read(client: Client, only: string | null): Promise<readonly Sample[]> {
    this.#sql ??= await blockedQuery(client)
    const { rows } = await client.query<{ blocked: number; longest: number | null }>(this.#sql, [
      HARNESS_APPLICATION,
      only,
    ])
    const { blocked, longest } = rows[0] ?? { blocked: 0, longest: null }
    return [
      sample('locks.blockedSessions', blocked),
      ...(longest === null ? [] : [sample('locks.longestWaitS', longest)]),
    ]
  }
}

/** Version 14 knows since when a lock is awaited. Who is blocked is asked only of sessions that wait for a lock. */
async function blockedQuery(client: Client): Promise<string> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'pg_locks'::regclass
                       AND attname = 'waitstart') AS found`,
  )
  // The moment is written a little after the wait began; nobody blocked is a wait of 0.
  const longest =
    rows[0]?.found === true
      ? `coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(waitstart) FROM pg_locks
           WHERE NOT granted AND pid IN (SELECT pid FROM blocked))), 0)::float8`
      : 'NULL::float8'
  return `WITH waiting AS MATERIALIZED (
      SELECT pid FROM pg_stat_activity
       WHERE wait_event_type = 'Lock' AND datname = current_database()
         AND application_name <> $1 AND ($2::text IS NULL OR application_name LIKE $2)),
    blocked AS MATERIALIZED (
      SELECT pid FROM waiting WHERE cardinality(pg_blocking_pids(pid)) > 0)
    SELECT count(*)::float8 AS blocked, ${longest} AS longest FROM blocked`
}

function sample(metric: MetricId, value: number, label: string | null = null): Sample {
  return { metric, label, value }
}
