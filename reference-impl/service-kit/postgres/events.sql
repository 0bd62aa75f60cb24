-- Billing events as the documents define them (mission-map B1), once for every architecture that keeps them in one
-- PostgreSQL table. A variant is an index set (mission-map C1) on top of the primary key, which all of them have: the
-- document's table has it, and the harness follows new rows by it. `unlogged` and `foreign-keys` are settings.

-- variant: all
CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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

-- What tells an event that was sent again. Without it repeats are stored again, and a 2xx promises no more than that.
-- variant: default, lean, gin, dedup
CREATE UNIQUE INDEX idx_events_dedup ON events (organization_id, transaction_id);

-- variant: default, gin
CREATE INDEX idx_events_org_code_ts ON events (organization_id, code, timestamp);
CREATE INDEX idx_events_customer_ts ON events (external_customer_id, timestamp);

-- variant: gin
CREATE INDEX idx_events_properties ON events USING gin (properties);

-- The documents' lean set (B3): a BRIN index for time ranges, one small B-tree, and the unique index dedup needs.
-- variant: lean
CREATE INDEX idx_events_ts_brin ON events USING brin (timestamp);
CREATE INDEX idx_events_org_code ON events (organization_id, code);

-- One index each, for what it costs by itself.
-- variant: brin
CREATE INDEX idx_events_ts_brin ON events USING brin (timestamp);

-- variant: btree
CREATE INDEX idx_events_ts ON events (timestamp);

-- Not in the WAL, so not on a replica, and emptied by PostgreSQL when it recovers from a crash (mission-map C12).
-- variant: unlogged
ALTER TABLE events SET UNLOGGED;

-- What events refer to (mission-map C21). The service registers what it sees for the first time.
-- variant: foreign-keys
CREATE TABLE organizations (id uuid PRIMARY KEY);
CREATE TABLE customers (
  organization_id uuid NOT NULL REFERENCES organizations,
  external_id text NOT NULL,
  PRIMARY KEY (organization_id, external_id)
);
CREATE TABLE billable_codes (
  organization_id uuid NOT NULL REFERENCES organizations,
  code text NOT NULL,
  PRIMARY KEY (organization_id, code)
);
ALTER TABLE events
  ADD CONSTRAINT events_organization FOREIGN KEY (organization_id) REFERENCES organizations,
  ADD CONSTRAINT events_customer FOREIGN KEY (organization_id, external_customer_id) REFERENCES customers,
  ADD CONSTRAINT events_code FOREIGN KEY (organization_id, code) REFERENCES billable_codes;
-- Rows that the harness puts there before a run wait here until what they refer to is there.
CREATE UNLOGGED TABLE preloaded_events (
  organization_id uuid, transaction_id text, external_customer_id text, code text, timestamp timestamptz,
  properties jsonb, value double precision, decimal_value numeric
);
