/**
 * Partitions that pg_partman looks after (https://github.com/pgpartman/pg_partman). In: what is wanted of them. Out: the
 * statements that tell it so once, and a run of its maintenance, which fails where pg_partman only warns.
 */
import type pg from 'pg'
import type { Interval } from './ranges.ts'
import { rangeAt } from './ranges.ts'
import type { PartitionSettings } from './settings.ts'
import { aheadOf } from './settings.ts'

const PARENT = `current_schema() || '.events'`
/**
 * Until the transaction ends: it counts in the session's time zone, and whoever made the extension on a server of the user's
 * own chose its schema.
 */
const BEFORE = `SELECT set_config('TimeZone', 'UTC', true),
  set_config('search_path', concat_ws(', ', current_setting('search_path'), extnamespace::regnamespace), true)
  FROM pg_extension WHERE extname = 'pg_partman'`

/**
 * Its own background worker leaves the table alone: the worker of this architecture asks for maintenance as often as it would
 * do it itself. Without infinite_time_partitions it makes nothing ahead of a table to which nothing comes.
 */
export function partmanScripts(
  settings: PartitionSettings,
  interval: Interval,
  now: Date,
): readonly string[] {
  const { retainPartitions } = settings
  const retention =
    retainPartitions === null ? 'NULL' : `'${String(retainPartitions)} ${interval}s'`
  return [
    'CREATE SCHEMA IF NOT EXISTS partman; CREATE EXTENSION IF NOT EXISTS pg_partman SCHEMA partman',
    [
      BEFORE,
      `SELECT create_parent(${PARENT}, 'timestamp', '1 ${interval}', p_premake := ${String(aheadOf(settings))},
         p_start_partition := '${rangeAt(interval, now).from.toISOString()}', p_default_table := false,
         p_automatic_maintenance := 'off', p_jobmon := false, p_date_trunc_interval := '${interval}')`,
      `UPDATE part_config SET infinite_time_partitions = true, retention = ${retention}, retention_keep_table = false
        WHERE parent_table = ${PARENT}`,
    ].join(';\n'),
  ]
}

/** Within a transaction of the caller's. Rejects with its warning where it skipped the table: then nothing was done. */
export async function runPartman(client: pg.Client): Promise<void> {
  const warnings: string[] = []
  const listen = ({
    severity,
    message,
  }: {
    severity?: string | undefined
    message?: string | undefined
  }): void => {
    if (severity === 'WARNING') warnings.push(message ?? '')
  }
  client.on('notice', listen)
  try {
    await client.query(BEFORE)
    await client.query(`SELECT run_maintenance(${PARENT}, p_jobmon := false)`)
  } finally {
    client.off('notice', listen)
  }
  const { rows } = await client.query<{ done: boolean }>(
    `SELECT maintenance_last_run IS NOT NULL AS done FROM part_config WHERE parent_table = ${PARENT}`,
  )
  if (rows[0]?.done === true) return
  const said = warnings.join('; ').split('\n')[0] ?? ''
  throw new Error(said === '' ? 'pg_partman does not know the table' : said)
}
