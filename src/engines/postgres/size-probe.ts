/**
 * Bytes of every table, which PostgreSQL tells only to who may lock the table. In: a session that waits for no lock. Out:
 * bytes of rows with what is kept out of line, partitions and chunks for the table they belong to; a table that somebody
 * locks, or waits to lock, against every reader is left out until that is over.
 */
import type { Client } from 'pg'
import type { Sample } from '../../collect/probe.ts'
import { LOCKED, ownerOf } from './relation-sql.ts'

/** The forks that hold rows: neither the map of free space nor an index. */
const BYTES = `pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0)`

const SIZES = `
WITH ${LOCKED}
SELECT owner.relname AS table, sum(stat.bytes)::float8 AS bytes
  FROM (SELECT ${ownerOf('c.oid')} AS owner,
               CASE WHEN c.oid IN (SELECT relation FROM locked)
                      OR c.reltoastrelid IN (SELECT relation FROM locked) THEN NULL
                    ELSE ${BYTES} END AS bytes
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
           AND (NOT $1 OR n.nspname = ANY (current_schemas(false)))) AS stat
  JOIN pg_class AS owner ON owner.oid = stat.owner
 GROUP BY owner.relname HAVING count(*) = count(stat.bytes) ORDER BY owner.relname`

/** @param isShared only tables of the schemas that the harness works in */
export async function readSizes(client: Client, isShared: boolean): Promise<readonly Sample[]> {
  const { rows } = await client.query<{ readonly table: string; readonly bytes: number }>(SIZES, [
    isShared,
  ])
  return rows.map(({ table, bytes }) => ({ metric: 'table.heapBytes', label: table, value: bytes }))
}
