/**
 * What statements have cost so far, as pg_stat_statements counts them. In: a session. Out: running totals per statement,
 * with its literals taken out; nothing where the server has no such extension or this role may not read it.
 */
import type { Client } from 'pg'
import type { StatementCount } from '../statement-count.ts'
import { quoteName } from './quote-name.ts'

/** A statement of an architecture is shorter; a user's own may be a page. */
const TEXT_MAX = 300

/** In a database that others use as well only the role's own statements are the run's. */
export async function readStatements(
  client: Client,
  isShared: boolean,
): Promise<readonly StatementCount[]> {
  const view = await findView(client)
  if (view === null) return []
  const { rows } = await client.query<StatementCount>(
    `SELECT concat_ws('/', queryid, userid) AS id, min(query) AS text, sum(calls)::float8 AS calls,
            sum(${view.time})::float8 AS "totalMs", sum(rows)::float8 AS rows,
            sum(shared_blks_hit + shared_blks_read)::float8 AS blocks,
            sum(${view.wal})::float8 AS "walBytes"
       FROM ${quoteName(view.schema)}.pg_stat_statements
      WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (NOT $1 OR userid = (SELECT oid FROM pg_roles WHERE rolname = current_user))
      GROUP BY 1`,
    [isShared],
  )
  return rows.map((row) => ({ ...row, text: withoutLiterals(row.text) }))
}

interface StatementsView {
  readonly schema: string
  readonly time: string
  readonly wal: string
}

/** Version 13 parted planning from execution and counts WAL. */
async function findView(client: Client): Promise<StatementsView | null> {
  const { rows } = await client.query<{ schema: string; columns: string[] }>(
    `SELECT n.nspname AS schema, array_agg(a.attname::text) AS columns
       FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_stat_statements'
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
      WHERE e.extname = 'pg_stat_statements' AND has_schema_privilege(n.oid, 'USAGE')
        AND has_table_privilege(c.oid, 'SELECT')
        -- The view is there and fails where the server does not load the library.
        AND current_setting('pg_stat_statements.max', true) IS NOT NULL
      GROUP BY 1`,
  )
  const found = rows[0]
  if (found === undefined) return null
  const has = (column: string): boolean => found.columns.includes(column)
  return {
    schema: found.schema,
    time: has('total_exec_time') ? 'total_exec_time' : 'total_time',
    wal: has('wal_bytes') ? 'wal_bytes' : '0',
  }
}

/** Strings, dollar-quoted bodies, comments, quoted names (kept), and numbers that are no part of a name. */
const TOKENS =
  /\b[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"]|"")*"|(?<![\w$."])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/**
 * pg_stat_statements replaces constants of queries by $1, and before PostgreSQL 16 leaves those of other statements as
 * they came: a password in ALTER ROLE among them. Nothing quoted is ever recorded.
 */
export function withoutLiterals(sql: string): string {
  const replaced = sql.replace(TOKENS, (token) => {
    if (token.startsWith('"')) return token
    return token.startsWith('--') || token.startsWith('/*') ? ' ' : '?'
  })
  // A quote that nothing closes: whatever follows may be anything.
  const open = replaced.search(/'|\/\*/)
  const whole = (open < 0 ? replaced : replaced.slice(0, open)).replace(/\s+/g, ' ').trim()
  return whole.length <= TEXT_MAX ? whole : `${whole.slice(0, TEXT_MAX - 1)}…`
}
