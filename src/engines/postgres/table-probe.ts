/**
 * Rows of every table as PostgreSQL counts them. In: a session. Out: dead and live rows, updates and how many were HOT,
 * deletes and autovacuum's visits; no table is locked for it. Partitions and chunks count for the table they belong to, so
 * that a table with thousands of them is one line; each session reports its counts to the server about once a second.
 */
import type { Client } from 'pg'
import type { Sample } from '../../collect/probe.ts'
import type { MetricId } from '../../collect/metrics.ts'
import { ownerOf } from './relation-sql.ts'

const FIGURES = {
  'table.deadRows': 'sum(n_dead_tup)',
  'table.liveRows': 'sum(n_live_tup)',
  'table.vacuumThresholdRows': 'sum(threshold)',
  'table.unloggedRatio': 'avg(is_unlogged::int)',
  'table.inserts': 'sum(n_tup_ins)',
  'table.updates': 'sum(n_tup_upd)',
  'table.hotUpdates': 'sum(n_tup_hot_upd)',
  'table.deletes': 'sum(n_tup_del)',
  'table.indexEntriesRead': 'sum(entries)',
  'table.insertsSinceVacuum': 'sum(n_ins_since_vacuum)',
  'table.autovacuums': 'sum(autovacuum_count)',
  'table.sinceAutovacuumS': 'extract(epoch FROM clock_timestamp() - max(last_autovacuum))',
} as const satisfies Partial<Record<MetricId, string>>

/** A table's own storage parameter, else the server's setting; null where this version has neither (the cap is of 18). */
const parameter = (name: string): string => `coalesce(
  (SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = '${name}'),
  current_setting('${name}', true))::float8`

/** As autovacuum reckons: reltuples is the server's own count, -1 before the first. A cap of -1 is none. */
const THRESHOLD = `least(
  ${parameter('autovacuum_vacuum_threshold')}
    + ${parameter('autovacuum_vacuum_scale_factor')} * greatest(c.reltuples, 0),
  nullif(${parameter('autovacuum_vacuum_max_threshold')}, -1))`

type TableRow = Readonly<Record<keyof typeof FIGURES, number | null>> & { readonly table: string }

/** @param isShared only tables of the schemas that the harness works in */
export async function readTables(client: Client, isShared: boolean): Promise<readonly Sample[]> {
  const columns = Object.entries(FIGURES).map(([metric, sql]) => `(${sql})::float8 AS "${metric}"`)
  const { rows } = await client.query<TableRow>(
    `SELECT owner.relname AS table, ${columns.join(', ')}
       FROM (SELECT s.*, ${ownerOf('relid')} AS owner, ${THRESHOLD} AS threshold,
                    c.relpersistence = 'u' AS is_unlogged,
                    (SELECT sum(pg_stat_get_tuples_returned(indexrelid))
                       FROM pg_index WHERE indrelid = c.oid) AS entries
               FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
              WHERE c.relkind <> 'p'
                AND (NOT $1 OR schemaname = ANY (current_schemas(false)))) AS stat
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
