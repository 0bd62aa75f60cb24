/** SQL that probes of tables share: which table a partition counts for, and which tables cannot be looked at now. */

/**
 * Chunks of TimescaleDB are children without being partitions. No table is locked for it.
 * @param oid SQL of a table's oid
 */
export function ownerOf(oid: string): string {
  return `coalesce(pg_partition_root(${oid})::oid,
  (SELECT inhparent FROM pg_inherits WHERE inhrelid = ${oid} ORDER BY inhseqno LIMIT 1), ${oid})`
}

/**
 * Tables of this database that somebody has locked against every reader, or waits to: who comes next waits behind. Asked
 * first, it keeps one such table from costing all others their figures.
 */
export const LOCKED = `locked AS MATERIALIZED (
  SELECT relation FROM pg_locks
   WHERE mode = 'AccessExclusiveLock' AND relation IS NOT NULL
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`
