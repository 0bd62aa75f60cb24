/**
 * How events reach their table, as SQL. In: how repeats are told and whether commits wait for the disk. Out: one
 * statement per way to travel. Where repeats are told at all, each names exactly the rows that were already there. What must
 * be stored with an event or not at all (an outbox row) follows in the same statement.
 */
import { assert } from '../../../src/kit/errors.ts'

/** What a repeated event does, and so how it is told. */
export type Identity =
  /** ON CONFLICT DO NOTHING on organization and transaction. */
  | 'first-wins'
  /** ON CONFLICT DO UPDATE: the row says what came last. */
  | 'last-wins'
  /** No unique index: stored again, never told. */
  | 'kept'
  /** The unique key holds the timestamp too: told only with the same one. */
  | 'first-wins-per-time'
  /** Identities have a table of their own, which is written first in the same statement. */
  | 'identity-table'

export interface StatementOptions {
  readonly identity: Identity
  /** Commits with synchronous_commit=off, whatever the server's setting. */
  readonly relaxed: boolean
  /**
   * An INSERT that reads the new rows, all their columns, as `inserted`: its rows are committed with them or not at all.
   * Only with first-wins and last-wins; absent: nothing follows.
   */
  readonly following?: string
}

export interface EventStatements {
  /** One row; the count in its command tag says whether it is new. Seven parameters. */
  readonly insertOne: string
  /** Rows from seven arrays. One row comes back at most: the 0-based positions of repeats, or null. */
  readonly insertUnnest: string
  /** The same with seven parameters per row. */
  insertValues(rows: number): string
  /** Staged rows in the order they were copied; null where COPY may go straight into the table. */
  readonly insertStaged: string | null
  /** Opens the transaction of what takes more than one statement. */
  readonly begin: string
}

export const COLUMNS =
  'organization_id, transaction_id, external_customer_id, code, timestamp, properties, value, decimal_value'
/** The most parameters one statement takes, at seven a row. */
export const VALUES_ROWS_MAX = Math.floor(65_535 / 7)

/**
 * One per session of the server, emptied by every commit. Part of the transaction that fills it: behind a transaction pooler
 * the next one may run in another session, so nobody can know whether it is there. With ON COMMIT DROP every batch would write
 * and delete 52 rows of the catalogue (24 kB of WAL) and plan its INSERT anew; this does so once a session.
 */
export const CREATE_STAGING = `
CREATE TEMP TABLE IF NOT EXISTS staged_events (
  position int NOT NULL, organization_id uuid NOT NULL, transaction_id text NOT NULL,
  external_customer_id text NOT NULL, code text NOT NULL, timestamp timestamptz NOT NULL,
  properties jsonb NOT NULL, value float8, decimal_value numeric
) ON COMMIT DELETE ROWS`

/** @param into the staging table wants each row's position first */
export function copyStatement(into: 'staging' | 'table', format: 'text' | 'binary'): string {
  const columns =
    into === 'staging' ? `staged_events (position, ${COLUMNS})` : `events (${COLUMNS})`
  return `COPY ${columns} FROM STDIN${format === 'binary' ? ' WITH (FORMAT binary)' : ''}`
}

export function eventStatements(options: StatementOptions): EventStatements {
  const { identity, relaxed, following } = options
  assert(
    following === undefined || identity === 'first-wins' || identity === 'last-wins',
    'what follows an event needs its one identity',
  )
  const from = relaxed ? RELAXED : ''
  return {
    insertOne: insertOne(options, from),
    insertUnnest: insertGiven(options, UNNESTED + (relaxed ? `, ${RELAXED_ITEM}` : '')),
    insertValues: (rows) =>
      insertGiven(options, valuesOf(rows) + (relaxed ? `, ${RELAXED_ITEM}` : '')),
    insertStaged: identity === 'kept' ? null : insertStaged(options),
    begin: relaxed ? 'BEGIN; SET LOCAL synchronous_commit TO off' : 'BEGIN',
  }
}

/** Holds for the one transaction that the statement is; the planner keeps it, because it is volatile. */
const RELAXED_ITEM = `(SELECT set_config('synchronous_commit', 'off', true)) AS relaxed`
const RELAXED = ` FROM ${RELAXED_ITEM}`

const CONFLICT = 'ON CONFLICT (organization_id, transaction_id)'
const LAST_WINS = `${CONFLICT} DO UPDATE SET
  external_customer_id = excluded.external_customer_id, code = excluded.code, timestamp = excluded.timestamp,
  properties = excluded.properties, value = excluded.value, decimal_value = excluded.decimal_value`

function onConflict(identity: Identity): string {
  switch (identity) {
    case 'first-wins':
      return `${CONFLICT} DO NOTHING`
    case 'last-wins':
      return LAST_WINS
    case 'first-wins-per-time':
      return 'ON CONFLICT (organization_id, transaction_id, timestamp) DO NOTHING'
    case 'kept':
    case 'identity-table':
      return ''
  }
}

const ONE_ROW =
  '$1::uuid, $2::text, $3::text, $4::text, $5::timestamptz, $6::jsonb, $7::text::float8, $7::text::numeric'

function insertOne({ identity, following }: StatementOptions, from: string): string {
  if (identity === 'identity-table') return INSERT_ONE_FRESH + from.replace(' FROM ', ', ')
  const insert = `
INSERT INTO events (${COLUMNS})
SELECT ${ONE_ROW}${from}
${onConflict(identity)}`
  if (following !== undefined) {
    const stored = `stored AS (${insert} RETURNING ${COLUMNS}, ${IS_NEW})`
    return `WITH ${stored}, inserted AS (SELECT ${COLUMNS} FROM stored WHERE is_new), followed AS (${following})
SELECT FROM inserted`
  }
  return identity === 'last-wins'
    ? `WITH stored AS (${insert} RETURNING ${IS_NEW}) SELECT FROM stored WHERE is_new`
    : insert
}

const FRESH = 'INSERT INTO event_identities (organization_id, transaction_id, timestamp)'
const INSERT_ONE_FRESH = `
WITH fresh AS (
  ${FRESH} VALUES ($1::uuid, $2::text, $5::timestamptz) ON CONFLICT DO NOTHING RETURNING 1
)
INSERT INTO events (${COLUMNS})
SELECT ${ONE_ROW} FROM fresh`

/** The lock that DO UPDATE takes on the row it finds stays behind in xmax; a row just inserted has none. */
const IS_NEW = '(xmax = 0) AS is_new'

const UNNESTED = `unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::text[])
    WITH ORDINALITY AS u (o, t, c, k, ts, p, v, n)`

function valuesOf(rows: number): string {
  const list: string[] = []
  for (let row = 0; row < rows; row++) {
    const at = (column: number): string => `$${String(row * 7 + column)}`
    // The first row says the types; the others follow it.
    list.push(
      row === 0
        ? '($1::uuid, $2::text, $3::text, $4::text, $5::timestamptz, $6::jsonb, $7::text, 1)'
        : `(${[1, 2, 3, 4, 5, 6, 7].map(at).join(', ')}, ${String(row + 1)})`,
    )
  }
  return `(VALUES ${list.join(', ')}) AS u (o, t, c, k, ts, p, v, n)`
}

const SHORT_OF_ALL = '(SELECT count(*) FROM inserted) < (SELECT count(*) FROM given)'
/** NOT IN hashes whatever the planner believes about row counts, and only runs when a row is missing. */
const NOT_INSERTED =
  'WHERE (g.organization_id, g.transaction_id) NOT IN (SELECT i.organization_id, i.transaction_id FROM inserted i)'

/** @param source gives o, t, c, k, ts, p, v and the position n, from 1 */
function insertGiven(options: StatementOptions, source: string): string {
  if (options.identity === 'kept') {
    return `
INSERT INTO events (${COLUMNS})
SELECT o, t, c, k, ts, p, v::float8, v::numeric FROM ${source} ORDER BY n`
  }
  return `
WITH given AS MATERIALIZED (
  SELECT o AS organization_id, t AS transaction_id, c AS customer, k AS code, ts, p, v, n
  FROM ${source}
), ${insertedFrom(options, {
    rows: 'SELECT organization_id, transaction_id, customer, code, ts, p, v::float8, v::numeric FROM given',
    keys: 'SELECT organization_id, transaction_id, ts FROM given',
    order: 'ORDER BY n',
  })}
SELECT CASE WHEN ${SHORT_OF_ALL}
  THEN (SELECT array_agg((g.n - 1)::int) FROM given g ${NOT_INSERTED}) END AS duplicates`
}

function insertStaged(options: StatementOptions): string {
  return `
WITH given AS NOT MATERIALIZED (SELECT position, organization_id, transaction_id FROM staged_events),
${insertedFrom(options, {
  rows: `SELECT ${COLUMNS} FROM staged_events`,
  keys: 'SELECT organization_id, transaction_id, timestamp FROM staged_events',
  order: 'ORDER BY position',
})}
SELECT CASE WHEN ${SHORT_OF_ALL}
  THEN (SELECT array_agg(g.position) FROM given g ${NOT_INSERTED}) END AS duplicates`
}

interface Selected {
  /** All columns of the given events, ending in their table: more may be joined to it. */
  readonly rows: string
  readonly keys: string
  readonly order: string
}

/** A CTE `inserted` with the identities that are new, and what follows them. */
function insertedFrom(
  { identity, following }: StatementOptions,
  { rows, keys, order }: Selected,
): string {
  if (identity === 'identity-table') {
    return `inserted AS (${FRESH} ${keys} ${order} ON CONFLICT DO NOTHING RETURNING organization_id, transaction_id),
stored AS (INSERT INTO events (${COLUMNS}) ${rows} JOIN inserted USING (organization_id, transaction_id) ${order})`
  }
  const columns = following === undefined ? 'organization_id, transaction_id' : COLUMNS
  const followed = following === undefined ? '' : `, followed AS (${following})`
  const insert = `INSERT INTO events (${COLUMNS}) ${rows} ${order} ${onConflict(identity)}`
  return identity === 'last-wins'
    ? `stored AS (${insert} RETURNING ${columns}, ${IS_NEW}),
inserted AS (SELECT ${columns} FROM stored WHERE is_new)${followed}`
    : `inserted AS (${insert} RETURNING ${columns})${followed}`
}
