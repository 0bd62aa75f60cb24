/**
 * What partitions a table has and what planning over them costs (mission-map C3, D18, H9). In: a session. Out: per
 * partitioned table how many there are, how many of them lie ahead of now, and the rows that fit none; per store of
 * billing events the planner's time for Q1. A table without partitions is not mentioned, nor one that is locked.
 */
import type { Client } from 'pg'
import type { Probe, Sample } from '../../collect/probe.ts'
import { quoteName } from './quote-name.ts'
import type { SharedConnection } from './shared-connection.ts'
import { LOCKED } from './relation-sql.ts'
import { sqlStateOf } from './sql-state.ts'

const EVERY_MS = 5_000
/** Beyond it a count would cost more than it tells. */
const WAITING_ROWS_MAX = 100_000
const HOUR_MS = 3_600_000

interface PartitionedTable {
  readonly table: string
  readonly partitions: number
  /** null where ranges are not of time. */
  readonly ahead: number | null
  /** Quoted name of the default partition; null where there is none. */
  readonly waiting: string | null
}

/** Bounds are printed and read in one session, so its time zone does not matter. */
const PARTITIONED = `
WITH ${LOCKED}
SELECT root.relname AS table,
       count(*) FILTER (WHERE part.bound <> 'DEFAULT')::int AS partitions,
       CASE WHEN root.by_time THEN count(*) FILTER (WHERE
         CASE WHEN root.by_time THEN substring(part.bound FROM $$FROM \\('([^']+)'\\)$$)::timestamptz END > now())::int
       END AS ahead,
       max(part.name) FILTER (WHERE part.bound = 'DEFAULT') AS waiting
  FROM (SELECT c.oid, c.relname,
               p.partstrat = 'r' AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
                 AS by_time
          FROM pg_partitioned_table p
          JOIN pg_class c ON c.oid = p.partrelid
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
         WHERE NOT c.relispartition AND (NOT $1 OR c.relnamespace = ANY (current_schemas(false)::regnamespace[]))
           AND NOT EXISTS (SELECT FROM locked WHERE relation IN
                 (SELECT c.oid UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid))) AS root
  JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound, c.oid::regclass::text AS name
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = root.oid) AS part ON true
 GROUP BY root.relname, root.by_time ORDER BY root.relname`

/** @param isShared only tables of the schemas that the harness works in */
export async function readPartitions(
  client: Client,
  isShared: boolean,
): Promise<readonly Sample[]> {
  const { rows } = await client.query<PartitionedTable>(PARTITIONED, [isShared])
  const samples: Sample[] = []
  for (const { table: label, partitions, ahead, waiting } of rows) {
    samples.push({ metric: 'partition.count', label, value: partitions })
    if (ahead !== null) samples.push({ metric: 'partition.ahead', label, value: ahead })
    if (waiting !== null) {
      samples.push({ metric: 'partition.waitingRows', label, value: await rowsIn(client, waiting) })
    }
  }
  return samples
}

async function rowsIn(client: Client, partition: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM (SELECT FROM ${partition} LIMIT ${String(WAITING_ROWS_MAX)}) AS waiting`,
  )
  return Number(rows[0]?.count)
}

const UNDEFINED_COLUMN = '42703'

/** Of the last hour, with its bounds written out: then the planner rules out partitions, as it does for the service. */
export function planProbe(
  connection: SharedConnection,
  store: { readonly name: string; readonly table: string },
): Probe {
  return {
    name: `${store.name}.plan`,
    intervalMs: EVERY_MS,
    sample: (signal) =>
      connection.use(signal, async (client) => {
        const now = Date.now()
        const at = (ms: number): string => `'${new Date(ms).toISOString()}'::timestamptz`
        const statement = `EXPLAIN (SUMMARY, FORMAT JSON) SELECT organization_id, count(*)
           FROM ${quoteName(store.table)}
          WHERE timestamp >= ${at(now - HOUR_MS)} AND timestamp < ${at(now)} GROUP BY organization_id`
        const { rows } = await client
          .query<{ 'QUERY PLAN': [{ 'Planning Time': number }] }>(statement)
          .catch((error: unknown) => {
            // A table of another shape has no such query.
            if (sqlStateOf(error) === UNDEFINED_COLUMN) return { rows: [] }
            throw error
          })
        const [plan] = rows[0]?.['QUERY PLAN'] ?? []
        if (plan === undefined) return []
        return [{ metric: 'query.planMs', label: store.name, value: plan['Planning Time'] }]
      }),
  }
}
