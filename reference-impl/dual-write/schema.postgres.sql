-- Billing events as the documents define them (mission-map B1). The same table in every PostgreSQL architecture here.

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
CREATE UNIQUE INDEX idx_events_dedup ON events (organization_id, transaction_id);

-- variant: default
CREATE INDEX idx_events_org_code_ts ON events (organization_id, code, timestamp);
CREATE INDEX idx_events_customer_ts ON events (external_customer_id, timestamp);

-- The documents' lean set (B3): a BRIN index for time ranges, one small B-tree, and the unique index dedup needs.
-- variant: lean
CREATE INDEX idx_events_ts_brin ON events USING brin (timestamp);
CREATE INDEX idx_events_org_code ON events (organization_id, code);
