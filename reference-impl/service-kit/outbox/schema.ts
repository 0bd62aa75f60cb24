/**
 * The tables of an outbox. In: settings. Out: SQL statements, in order. One row per event and consumer; what a row of it
 * means to claims is in claims.ts, which follows the same settings.
 */
import type { OutboxSettings } from './settings.ts'

export type OutboxTable = Pick<
  OutboxSettings,
  'completion' | 'claimOn' | 'unlogged' | 'fillfactorRatio' | 'vacuum' | 'rotateS' | 'wake'
>

/** Rows go to one, the one before is being emptied, the one after is empty: three are enough. */
export const SLOTS = [0, 1, 2] as const

/** Which partition takes new rows now. By the server's clock, whoever asks. */
export function slotNow(rotateS: number): string {
  return `(floor(extract(epoch FROM clock_timestamp()) / ${String(rotateS)})::bigint % ${String(SLOTS.length)})::smallint`
}

/** On NOTIFY: any payload at all means that there may be something to do. */
export const CHANNEL = 'headroom_outbox'

export function outboxSchema(table: OutboxTable): readonly string[] {
  return [
    // Not GENERATED AS IDENTITY: partitioned tables take that from PostgreSQL 17 on only. And always logged: after a crash
    // that empties the outbox no id comes again, by which a receiver would take an event for one it knows.
    'CREATE SEQUENCE outbox_id AS bigint',
    ...(table.completion === 'rotate' ? partitioned(table) : plain(table)),
    'ALTER SEQUENCE outbox_id OWNED BY outbox.id',
    ...claimIndexes(table),
    ...notifying(table.wake),
    `CREATE TABLE outbox_dead (
  id bigint NOT NULL, consumer smallint NOT NULL, payload text NOT NULL, attempts smallint NOT NULL,
  created_at timestamptz NOT NULL, died_at timestamptz NOT NULL DEFAULT now(), last_error text NOT NULL,
  PRIMARY KEY (consumer, id)
)`,
  ]
}

function plain(table: OutboxTable): readonly string[] {
  return [
    `CREATE ${kept(table)} outbox (\n${columns(table)},\n  PRIMARY KEY (consumer, id)\n) WITH (${storage(table)})`,
  ]
}

/** No primary key: it would have to hold the slot, and what is claimed is found by the partial index. */
function partitioned(table: OutboxTable): readonly string[] {
  const slot = `slot smallint NOT NULL DEFAULT ${slotNow(table.rotateS)}`
  return [
    `CREATE TABLE outbox (\n${columns(table)},\n  ${slot}\n) PARTITION BY LIST (slot)`,
    ...SLOTS.map(
      (at) =>
        `CREATE ${kept(table)} outbox_${String(at)} PARTITION OF outbox FOR VALUES IN (${String(at)}) WITH (${storage(table)})`,
    ),
  ]
}

/** Of a partitioned table, which cannot be UNLOGGED itself, each partition is. */
function kept({ unlogged }: OutboxTable): string {
  return unlogged ? 'UNLOGGED TABLE' : 'TABLE'
}

function columns({ claimOn }: OutboxTable): string {
  return `  id bigint NOT NULL DEFAULT nextval('outbox_id'),
  consumer smallint NOT NULL,
  payload text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  attempts smallint NOT NULL DEFAULT 0,
  locked_until timestamptz,
  locked_by uuid,
  processed_at timestamptz${claimOn === 'status' ? ",\n  status text NOT NULL DEFAULT 'pending'" : ''}`
}

/** mission-map B14 against PostgreSQL's defaults (C5). */
function storage({ fillfactorRatio, vacuum }: OutboxTable): string {
  const fill = `fillfactor = ${String(Math.round(fillfactorRatio * 100))}`
  return vacuum === 'default'
    ? fill
    : `${fill}, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 100, autovacuum_analyze_scale_factor = 0.005`
}

/**
 * A column in a partial index's predicate counts as indexed: changing it is never HOT (mission-map 2.6). So the lease form
 * changes only columns that no index knows until the row is done; the status form is the document's, kept to be compared.
 */
function claimIndexes({ claimOn, completion }: OutboxTable): readonly string[] {
  if (claimOn === 'status') {
    return ['pending', 'processing'].map(
      (status) =>
        `CREATE INDEX outbox_${status} ON outbox (consumer, id) WHERE status = '${status}'`,
    )
  }
  // Where delivered rows are deleted, every row is open and the primary key is the index of claims.
  if (completion === 'delete') return []
  return ['CREATE INDEX outbox_open ON outbox (consumer, id) WHERE processed_at IS NULL']
}

function notifying(wake: OutboxTable['wake']): readonly string[] {
  if (wake === 'poll') return []
  // The payload tells rows apart: identical notifications of one transaction are sent once.
  const payload = wake === 'row' ? 'NEW.id::text' : "''"
  const each = wake === 'row' ? 'ROW' : 'STATEMENT'
  return [
    `CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_notify('${CHANNEL}', ${payload}); RETURN NULL; END$$`,
    `CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH ${each} EXECUTE FUNCTION outbox_wake()`,
  ]
}
