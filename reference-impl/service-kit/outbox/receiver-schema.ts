/**
 * What the HTTP receiver keeps, as SQL. A table per consumer: every delivery is a row, also one that came twice, and the view
 * beside it shows each event once, as a receiver that knows repeats by their identity would.
 */
export function receiverTable(consumer: number): string {
  return `delivered_${String(consumer)}`
}

export function receiverView(consumer: number): string {
  return `${receiverTable(consumer)}_once`
}

/** It keeps so many open to the server it writes to. */
export const RECEIVER_CONNECTIONS = 8

export function receiverSchema(consumers: number): readonly string[] {
  return Array.from({ length: consumers }, (_, index) => index + 1).flatMap((consumer) => [
    `CREATE TABLE ${receiverTable(consumer)} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  outbox_id bigint,
  organization_id uuid NOT NULL, transaction_id text NOT NULL, external_customer_id text NOT NULL,
  code text NOT NULL, timestamp timestamptz NOT NULL, properties jsonb NOT NULL,
  value double precision, decimal_value numeric,
  received_at timestamptz NOT NULL DEFAULT now()
)`,
    `CREATE VIEW ${receiverView(consumer)} AS
SELECT DISTINCT ON (organization_id, transaction_id) * FROM ${receiverTable(consumer)}
ORDER BY organization_id, transaction_id, id`,
  ])
}

/** $1: `[{"id": 1, "event": {…}}, …]`. All of it or nothing. */
export function insertDeliveries(consumer: number): string {
  return `
INSERT INTO ${receiverTable(consumer)}
  (outbox_id, organization_id, transaction_id, external_customer_id, code, timestamp, properties, value, decimal_value)
SELECT d.id, e.organization_id, e.transaction_id, e.external_customer_id, e.code, e.timestamp, e.properties, e.value,
  e.decimal_value
FROM json_to_recordset($1::json) AS d (id bigint, event json)
CROSS JOIN LATERAL json_to_record(d.event) AS e (organization_id uuid, transaction_id text, external_customer_id text,
  code text, timestamp timestamptz, properties jsonb, value double precision, decimal_value numeric)`
}
