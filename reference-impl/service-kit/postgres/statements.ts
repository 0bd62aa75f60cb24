/** The three ways a batch reaches the events table, as SQL. All of them name exactly the rows that were already there. */
const COLUMNS =
  'organization_id, transaction_id, external_customer_id, code, timestamp, properties, value, decimal_value'
const ON_CONFLICT = 'ON CONFLICT (organization_id, transaction_id) DO NOTHING'

/** One row; its command tag says whether it went in. */
export const INSERT_ONE = `
INSERT INTO events (${COLUMNS})
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::timestamptz, $6::jsonb, $7::text::float8, $7::text::numeric)
${ON_CONFLICT}`

const SHORT_OF_ALL = '(SELECT count(*) FROM inserted) < (SELECT count(*) FROM given)'
/** NOT IN hashes whatever the planner believes about row counts, and only runs when a row is missing. */
const NOT_INSERTED =
  'WHERE (g.organization_id, g.transaction_id) NOT IN (SELECT i.organization_id, i.transaction_id FROM inserted i)'

/** Rows from seven arrays. One row comes back: the 0-based positions of duplicates, or null. */
export const INSERT_UNNEST = `
WITH given AS MATERIALIZED (
  SELECT o AS organization_id, t AS transaction_id, c AS customer, k AS code, ts, p, v, n
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::text[])
    WITH ORDINALITY AS u (o, t, c, k, ts, p, v, n)
), inserted AS (
  INSERT INTO events (${COLUMNS})
  SELECT organization_id, transaction_id, customer, code, ts, p, v::float8, v::numeric FROM given ORDER BY n
  ${ON_CONFLICT} RETURNING organization_id, transaction_id
)
SELECT CASE WHEN ${SHORT_OF_ALL}
  THEN (SELECT array_agg((g.n - 1)::int) FROM given g ${NOT_INSERTED}) END AS duplicates`

/** One per connection, emptied by every commit. */
export const CREATE_STAGING = `
CREATE TEMP TABLE IF NOT EXISTS staged_events (
  position int NOT NULL, organization_id uuid NOT NULL, transaction_id text NOT NULL,
  external_customer_id text NOT NULL, code text NOT NULL, timestamp timestamptz NOT NULL,
  properties jsonb NOT NULL, value float8, decimal_value numeric
) ON COMMIT DELETE ROWS`

export const COPY_STAGING = `COPY staged_events (position, ${COLUMNS}) FROM STDIN`

/** Staged rows in the order they were copied. Answers like INSERT_UNNEST. */
export const INSERT_STAGED = `
WITH given AS NOT MATERIALIZED (SELECT position, organization_id, transaction_id FROM staged_events),
inserted AS (
  INSERT INTO events (${COLUMNS}) SELECT ${COLUMNS} FROM staged_events ORDER BY position
  ${ON_CONFLICT} RETURNING organization_id, transaction_id
)
SELECT CASE WHEN ${SHORT_OF_ALL}
  THEN (SELECT array_agg(g.position) FROM given g ${NOT_INSERTED}) END AS duplicates`
