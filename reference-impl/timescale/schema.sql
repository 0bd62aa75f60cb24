-- Billing events as a hypertable (mission-map B4). A unique key of a hypertable must hold every column it is split by, so
-- neither the documents' primary key nor their dedup index can be made (mission-map 2.1): `identity-table` and `key` are two
-- ways out. The architecture makes the hypertable between these parts: on the empty table, and before its indexes.

-- variant: table
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY,
  organization_id uuid NOT NULL,
  transaction_id text NOT NULL,
  external_customer_id text NOT NULL,
  code text NOT NULL,
  timestamp timestamptz NOT NULL,
  properties jsonb NOT NULL DEFAULT '{}',
  value double precision,
  decimal_value numeric,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Every identity once, beside the events and written in the same transaction.
-- variant: identity-table
CREATE TABLE event_identities (
  organization_id uuid NOT NULL,
  transaction_id text NOT NULL,
  timestamp timestamptz NOT NULL,
  PRIMARY KEY (organization_id, transaction_id)
) PARTITION BY HASH (organization_id, transaction_id);

-- The least that holds what the hypertable is split by: an event sent again is told only with the same timestamp.
-- variant: key
CREATE UNIQUE INDEX idx_events_dedup ON events (organization_id, transaction_id, timestamp);

-- variant: default, lean
CREATE INDEX idx_events_id ON events (id);

-- variant: default
CREATE INDEX idx_events_org_code_ts ON events (organization_id, code, timestamp);
CREATE INDEX idx_events_customer_ts ON events (external_customer_id, timestamp);

-- variant: lean
CREATE INDEX idx_events_ts_brin ON events USING brin (timestamp);
CREATE INDEX idx_events_org_code ON events (organization_id, code);

-- The documents' rollup. Kept up to date by a policy; Q2 reads the events, because its ranges need not end at full hours.
-- variant: continuous-aggregate
CREATE MATERIALIZED VIEW hourly_usage WITH (timescaledb.continuous) AS
  SELECT time_bucket('1 hour', timestamp) AS bucket, organization_id, code, count(*) AS events, sum(value) AS value
    FROM events GROUP BY 1, 2, 3
  WITH NO DATA;
SELECT add_continuous_aggregate_policy('hourly_usage', start_offset => interval '3 hours',
  end_offset => interval '1 hour', schedule_interval => interval '30 minutes');
