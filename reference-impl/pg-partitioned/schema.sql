-- Billing events in partitions (mission-map B2). A unique key of a partitioned table must hold the partition key, so
-- neither the documents' primary key nor their dedup index can be made (mission-map 2.1): `identity-table` and `key` are
-- two ways out. Partitions are made by the architecture at the start and by its worker from then on.

-- variant: range
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
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Also what logical replication tells rows by: without a primary key a published table cannot be updated (2.2).
  PRIMARY KEY (id, timestamp)
) PARTITION BY RANGE (timestamp);

-- variant: hash
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
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, organization_id)
) PARTITION BY HASH (organization_id);

-- Every identity once, beside the events and written in the same transaction.
-- variant: identity-table
CREATE TABLE event_identities (
  organization_id uuid NOT NULL,
  transaction_id text NOT NULL,
  timestamp timestamptz NOT NULL,
  PRIMARY KEY (organization_id, transaction_id)
) PARTITION BY HASH (organization_id, transaction_id);
-- For retention, which removes identities with their rows.
CREATE INDEX idx_event_identities_ts ON event_identities USING brin (timestamp);

-- The least that holds the partition key: an event sent again is told only with the same timestamp.
-- variant: range-key
CREATE UNIQUE INDEX idx_events_dedup ON events (organization_id, transaction_id, timestamp);

-- variant: hash-key
CREATE UNIQUE INDEX idx_events_dedup ON events (organization_id, transaction_id);

-- variant: default
CREATE INDEX idx_events_org_code_ts ON events (organization_id, code, timestamp);
CREATE INDEX idx_events_customer_ts ON events (external_customer_id, timestamp);

-- variant: lean
CREATE INDEX idx_events_ts_brin ON events USING brin (timestamp);
CREATE INDEX idx_events_org_code ON events (organization_id, code);

-- variant: default-partition
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Consumers see one table, whatever partitions come and go; moving a row between partitions is no event.
-- variant: publication
CREATE PUBLICATION events FOR TABLE events WITH (publish = 'insert', publish_via_partition_root = true);
