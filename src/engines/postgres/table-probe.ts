/**
 * Rows of every table as PostgreSQL counts them. In: a session. Out: dead and live rows, updates and how many were HOT,
 * deletes, and autovacuum's visits. Partitions and chunks count for the table they belong to, so that a table with
 * thousands of them is one line; each session reports its counts to the server about once a second.
 */
import type { Client } from 'pg'
import type { Sample } from '../../collect/probe.ts'
import type { MetricId } from '../../collect/metrics.ts'

const FIGURES = {
  'table.deadRows': 'sum(n_dead_tup)',
  'table.liveRows': 'sum(n_live_tup)',
  'table.updates': 'sum(n_tup_upd)',
  'table.hotUpdates': 'sum(n_tup_hot_upd)',
  'table.deletes': 'sum(n_tup_del)',
  'table.insertsSinceVacuum': 'sum(n_ins_since_vacuum)',
  'table.autovacuums': 'sum(autovacuum_count)',
  'table.sinceAutovacuumS': 'extract(epoch FROM clock_timestamp() - max(last_autovacuum))',
} as const satisfies Partial<Record<MetricId, string>>

/** Chunks of TimescaleDB are children without being partitions. */
const OF_TABLE = `coalesce(pg_partition_root(relid)::oid,
  (SELECT inhparent FROM pg_inherits WHERE inhrelid = relid ORDER BY inhseqno LIMIT 1), relid)`

type TableRow = Readonly<Record<keyof typeof FIGURES, number | null>> & { readonly table: string }

/** @param isShared only tables of the schemas that the harness works in */
export async function readTables(client: Client, isShared: boolean): Promise<readonly Sample[]> {
  const columns = Object.entries(FIGURES).map(([metric, sql]) => `(${sql})::float8 AS "${metric}"`)
  const { rows } = await client.query<TableRow>(
    `SELECT owner.relname AS table, ${columns.join(', ')}
       FROM (SELECT *, ${OF_TABLE} AS owner FROM pg_stat_user_tables
              WHERE NOT $1 OR schemaname = ANY (current_schemas(false))) AS stat
       JOIN pg_class AS owner ON owner.oid = stat.owner
      GROUP BY owner.relname ORDER BY owner.relname`,
    [isShared],
  )
  return rows.flatMap(({ table, ...figures }) =>
    Object.entries(figures).flatMap(([metric, value]): readonly Sample[] =>
      value === null ? [] : [{ metric, label: table, value }],
    ),
  )
}
