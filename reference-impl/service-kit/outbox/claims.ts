/**
 * What workers ask of the outbox, as SQL. In: settings. Out: statement texts; their parameters stand beside each. They are
 * sent without a name on purpose: a plan made while the table was empty would be kept when a million rows wait.
 */
import type { OutboxSettings } from './settings.ts'
import { SLOTS, slotNow } from './schema.ts'

export type ClaimForm = Pick<OutboxSettings, 'completion' | 'claimOn' | 'rotateS'>

export interface Claims {
  /** $1 consumer, $2 rows, $3 lease in ms, $4 claim's token → id, payload, attempts, oldest first */
  readonly claim: string
  /** $1 consumer, $2 ids, $3 token. Rows of a lease that was lost are not touched. */
  readonly complete: string
  /** $1 consumer, $2 ids, $3 token, $4 delay in ms, $5 attempts to give back */
  readonly release: string
  /** $1 consumer, $2 ids, $3 token, $4 why */
  readonly bury: string
  /** $1 consumer. The status form's reaper; null where the claim itself takes what is overdue. */
  readonly reap: string | null
  /** Per consumer with rows: consumer, pending, oldest_s; $1 is not used. */
  readonly state: string
  /** $1 consumers, $2 rows of a claim → consumer, claimable, pending, oldest_pending_seconds */
  readonly q11: string
}

export function claimsOf(form: ClaimForm): Claims {
  const { claimOn, completion } = form
  const byStatus = claimOn === 'status'
  const open = openIn(form)
  const free = byStatus
    ? `status = 'pending' AND (locked_until IS NULL OR locked_until < now())`
    : `${open} AND (locked_until IS NULL OR locked_until < now())`
  const mine = `consumer = $1 AND id = ANY ($2::bigint[]) AND ${byStatus ? `status = 'processing'` : open}
   AND locked_by = $3::uuid`
  const set = (more: string, status: string): string =>
    byStatus ? `${more}, status = '${status}'` : more
  return {
    // The lock is taken on what the snapshot saw and the condition asked again: two workers never get one row.
    claim: `
UPDATE outbox SET ${set(`locked_until = now() + $3::float8 * interval '1 ms', locked_by = $4::uuid, attempts = attempts + 1`, 'processing')}
 WHERE consumer = $1 AND ${byStatus ? `status = 'pending'` : open} AND id = ANY (ARRAY(
   SELECT id FROM outbox WHERE consumer = $1 AND ${free}
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING id, payload, attempts`,
    complete:
      completion === 'delete'
        ? `DELETE FROM outbox WHERE ${mine}`
        : `UPDATE outbox SET ${set('processed_at = now()', 'done')} WHERE ${mine}`,
    release: `
UPDATE outbox SET ${set(`locked_until = now() + $4::float8 * interval '1 ms', locked_by = NULL, attempts = attempts - $5::smallint`, 'pending')}
 WHERE ${mine}`,
    bury: `
WITH gone AS (DELETE FROM outbox WHERE ${mine} RETURNING id, consumer, payload, attempts, created_at)
INSERT INTO outbox_dead (id, consumer, payload, attempts, created_at, last_error)
SELECT id, consumer, payload, attempts, created_at, $4 FROM gone`,
    reap: byStatus
      ? `UPDATE outbox SET status = 'pending', locked_by = NULL
 WHERE consumer = $1 AND status = 'processing' AND locked_until < now()`
      : null,
    state: `
SELECT consumer, count(*)::float8 AS pending,
  extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest_s
 FROM outbox WHERE ${open} GROUP BY consumer`,
    q11: `
SELECT c AS consumer, claim.claimable, waiting.pending, waiting.oldest_pending_seconds
 FROM generate_series(1, $1::int) AS c
 CROSS JOIN LATERAL (SELECT count(*)::float8 AS claimable FROM (
   SELECT FROM outbox WHERE consumer = c AND ${free} ORDER BY id LIMIT $2) AS claimed) AS claim
 CROSS JOIN LATERAL (SELECT count(*)::float8 AS pending,
     coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_pending_seconds
   FROM outbox WHERE consumer = c AND ${open}) AS waiting
 ORDER BY c`,
  }
}

/** Written so that the planner can prove the partial indexes of schema.ts from it. */
function openIn({ claimOn, completion }: ClaimForm): string {
  if (claimOn === 'status') return `(status = 'pending' OR status = 'processing')`
  return completion === 'delete' ? 'true' : 'processed_at IS NULL'
}

/** Statements that empty one partition, if nothing in it is open and it takes no new rows. */
export interface Rotation {
  readonly partition: string
  /** → ready: worth taking the lock for */
  readonly ready: string
  readonly lock: string
  /** Under the lock, where no transaction is under way in it any more → empty: nothing is open */
  readonly isDone: string
  readonly truncate: string
}

export function rotationsOf(form: ClaimForm): readonly Rotation[] {
  if (form.completion !== 'rotate') return []
  return SLOTS.map((slot) => {
    const partition = `outbox_${String(slot)}`
    const open = `EXISTS (SELECT FROM ${partition} WHERE ${openIn(form)})`
    return {
      partition,
      ready: `SELECT ${slotNow(form.rotateS)} <> ${String(slot)} AND pg_relation_size('${partition}') > 0 AND NOT ${open} AS ready`,
      lock: `LOCK TABLE ${partition} IN ACCESS EXCLUSIVE MODE`,
      isDone: `SELECT NOT ${open} AS empty`,
      truncate: `TRUNCATE ${partition}`,
    }
  })
}

/** A text column per event, written by the statement that stores the event. */
export type PayloadForm =
  /** The event as the HTTP contract has it. */
  | 'event'
  /** One JSONEachRow line of ClickHouse's table: properties are a text in it. */
  | 'clickhouse-row'

/** Follows the INSERT of events in the same statement; `inserted` are the rows that were new. */
export function queueStatement(consumers: number, payload: PayloadForm): string {
  const properties = payload === 'event' ? 'properties' : 'properties::text'
  return `INSERT INTO outbox (consumer, payload)
SELECT consumer, json_build_object('organization_id', organization_id, 'transaction_id', transaction_id,
  'external_customer_id', external_customer_id, 'code', code, 'timestamp', timestamp, 'properties', ${properties},
  'value', value, 'decimal_value', decimal_value::text)::text
FROM inserted CROSS JOIN generate_series(1, ${String(consumers)}) AS consumer`
}
