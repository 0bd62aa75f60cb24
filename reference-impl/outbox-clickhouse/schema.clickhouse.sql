-- Billing events in ClickHouse (mission-map B5), as a consumer of the outbox keeps them; read through the view `events`.
-- The deduplication window drops a batch that is delivered again under its token; other repeats are merged by identity.

-- Identity is organization and transaction, as in PostgreSQL.
-- variant: default
CREATE TABLE events_raw (
  organization_id UUID,
  transaction_id String,
  external_customer_id String,
  code LowCardinality(String),
  timestamp DateTime64(6, 'UTC'),
  properties String,
  value Nullable(Float64),
  decimal_value Nullable(Decimal(38, 12)),
  created_at DateTime64(6, 'UTC') DEFAULT now64(6),
  outbox_id UInt64 DEFAULT 0
) ENGINE = ReplacingMergeTree(created_at)
ORDER BY (organization_id, transaction_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- The key a billing product built: good for its queries, but an event is the same one only with the same timestamp.
-- variant: bxb-key
CREATE TABLE events_raw (
  organization_id UUID,
  transaction_id String,
  external_customer_id String,
  code LowCardinality(String),
  timestamp DateTime64(6, 'UTC'),
  properties String,
  value Nullable(Float64),
  decimal_value Nullable(Decimal(38, 12)),
  created_at DateTime64(6, 'UTC') DEFAULT now64(6),
  outbox_id UInt64 DEFAULT 0
) ENGINE = ReplacingMergeTree(created_at)
ORDER BY (organization_id, code, external_customer_id, toDate(timestamp), timestamp, transaction_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- variant: all
CREATE VIEW events AS SELECT * FROM events_raw FINAL;
