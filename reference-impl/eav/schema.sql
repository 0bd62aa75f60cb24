-- Entity, attribute, value as the documents lay it out (mission-map B12), where that works; what does not is in exhibits.sql.

-- variant: all
CREATE TABLE entities (
  tenant_id uuid NOT NULL,
  entity_id bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, entity_id)
);
CREATE TABLE attributes (
  attribute_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  data_type text NOT NULL
);
-- Those that the documents ask for have fixed ids: a partial index needs constants.
INSERT INTO attributes (name, data_type)
VALUES ('color', 'text'), ('size', 'number'), ('status', 'text'), ('category', 'text'), ('price', 'number');

-- What a request is copied into. The setting `staging` makes it LOGGED.
CREATE UNLOGGED TABLE entity_values_ingest (
  tenant_id uuid NOT NULL,
  write_id text NOT NULL,
  entity_id bigint NOT NULL,
  written_at timestamptz NOT NULL,
  note text,
  attribute text NOT NULL,
  data_type text NOT NULL,
  critical boolean NOT NULL,
  value text NOT NULL,
  weight double precision,
  staged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The time series. ingested_at is the time of the write: a write that is sent again falls into the same partition.
CREATE SEQUENCE entity_values_id;
CREATE TABLE entity_values_ts (
  id bigint NOT NULL DEFAULT nextval('entity_values_id'),
  tenant_id uuid NOT NULL,
  entity_id bigint NOT NULL,
  attribute_id int NOT NULL,
  is_number boolean NOT NULL,
  critical boolean NOT NULL,
  value text NOT NULL,
  weight double precision,
  write_id text NOT NULL,
  note text,
  ingested_at timestamptz NOT NULL
) PARTITION BY RANGE (ingested_at);
CREATE INDEX idx_values_ingested_brin ON entity_values_ts USING brin (ingested_at);
CREATE INDEX idx_values_attribute ON entity_values_ts (tenant_id, attribute_id, ingested_at);
-- For whoever follows the rows as they come, the harness among them: ids rise with the place in the heap.
CREATE INDEX idx_values_id_brin ON entity_values_ts USING brin (id) WITH (pages_per_range = 16);

-- The latest value of every critical attribute, and by which write: a write that arrives late must not win.
-- UNIQUE, not a plain index as documented: the upsert has nothing to conflict with otherwise (42P10, mission-map 2.13).
CREATE TABLE entity_jsonb (
  tenant_id uuid NOT NULL,
  entity_id bigint NOT NULL,
  hot_attrs jsonb NOT NULL,
  hot_versions jsonb NOT NULL,
  revision bigint NOT NULL DEFAULT 1,
  UNIQUE (tenant_id, entity_id)
) WITH (fillfactor = 70);

CREATE TABLE eav_layout (period text NOT NULL, hash_shards int NOT NULL);

CREATE FUNCTION ensure_partition(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  layout eav_layout%ROWTYPE;
  first_at timestamp;
  name text;
BEGIN
  SELECT * INTO STRICT layout FROM eav_layout;
  first_at := date_trunc(layout.period, at AT TIME ZONE 'UTC');
  name := 'entity_values_ts_' || to_char(first_at, 'YYYYMMDD');
  IF to_regclass(name) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF entity_values_ts FOR VALUES FROM (%L) TO (%L)%s',
    name, first_at AT TIME ZONE 'UTC', (first_at + ('1 ' || layout.period)::interval) AT TIME ZONE 'UTC',
    CASE WHEN layout.hash_shards > 1 THEN ' PARTITION BY HASH (entity_id)' ELSE '' END);
  IF layout.hash_shards > 1 THEN
    FOR shard IN 0 .. layout.hash_shards - 1 LOOP
      EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
        name || '_' || shard, name, layout.hash_shards, shard);
    END LOOP;
  END IF;
END
$$;

-- Partitions for everything that is staged.
CREATE FUNCTION ensure_partitions() RETURNS void LANGUAGE sql AS $$
  SELECT ensure_partition(at) FROM (
    SELECT DISTINCT date_trunc('day', written_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS at FROM entity_values_ingest
  ) AS days
$$;

-- Partitions that end before those that are kept, the oldest first. Their names sort as their ranges do.
CREATE FUNCTION partitions_past(retain int) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT child.relname::text
    FROM eav_layout layout, pg_inherits JOIN pg_class child ON child.oid = inhrelid
   WHERE inhparent = 'entity_values_ts'::regclass
     AND child.relname < 'entity_values_ts_' || to_char(
           date_trunc(layout.period, now() AT TIME ZONE 'UTC') - retain * ('1 ' || layout.period)::interval, 'YYYYMMDD')
   ORDER BY 1
$$;

-- It locks the whole series: behind a long reader it gives up at once, for readers and flushes wait behind it, and its caller
-- tries again later.
CREATE FUNCTION drop_partition(name text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '50ms' AS $$
BEGIN
  EXECUTE format('DROP TABLE %I', name);
END
$$;

-- One statement: what it deletes is what it inserts, so a row that is committed meanwhile stays staged (mission-map 2.10).
-- An attribute that somebody else is just adding has no id yet: attribute_id is NOT NULL, so nothing moves and nothing is
-- lost, and the next flush finds it.
CREATE FUNCTION stage_flush(OUT moved bigint, OUT stored bigint) LANGUAGE sql AS $$
  WITH d AS (DELETE FROM entity_values_ingest RETURNING *),
  named AS (SELECT attribute, min(data_type) AS data_type FROM d GROUP BY attribute),
  fresh AS (
    INSERT INTO attributes (name, data_type)
    SELECT attribute, data_type FROM named
     WHERE NOT EXISTS (SELECT FROM attributes a WHERE a.name = named.attribute)
    ON CONFLICT (name) DO NOTHING RETURNING attribute_id, name
  ),
  known AS (
    SELECT attribute_id, name FROM fresh
    UNION ALL SELECT attribute_id, name FROM attributes WHERE name IN (SELECT attribute FROM named)
  ),
  kept AS (
    INSERT INTO entity_values_ts (tenant_id, entity_id, attribute_id, is_number, critical, value, weight, write_id, note, ingested_at)
    SELECT d.tenant_id, d.entity_id, k.attribute_id, d.data_type = 'number', d.critical, d.value, d.weight, d.write_id, d.note, d.written_at
      FROM d LEFT JOIN known k ON k.name = d.attribute
    ON CONFLICT DO NOTHING RETURNING 1
  )
  SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM kept)
$$;

-- A labelled exhibit, the setting `flush: naive`: two statements, two snapshots. What is committed between them is deleted
-- and never inserted (mission-map 2.10).
CREATE FUNCTION stage_flush_naive(OUT moved bigint, OUT stored bigint) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO attributes (name, data_type)
  SELECT DISTINCT ON (attribute) attribute, data_type FROM entity_values_ingest ON CONFLICT (name) DO NOTHING;
  INSERT INTO entity_values_ts (tenant_id, entity_id, attribute_id, is_number, critical, value, weight, write_id, note, ingested_at)
  SELECT d.tenant_id, d.entity_id, a.attribute_id, d.data_type = 'number', d.critical, d.value, d.weight, d.write_id, d.note, d.written_at
    FROM entity_values_ingest d JOIN attributes a ON a.name = d.attribute
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS stored = ROW_COUNT;
  DELETE FROM entity_values_ingest;
  GET DIAGNOSTICS moved = ROW_COUNT;
END
$$;

-- As documented: GIN over everything that is hot. No update of hot_attrs can be HOT then (mission-map G30).
-- variant: default
CREATE INDEX idx_hot_gin ON entity_jsonb USING gin (hot_attrs);

-- The documents' fallback for a proven hot attribute, on the projection and on the time series (mission-map C22). The partial
-- index answers Q10 alone, range included, where the attributes are asked for by constants (distinctQuery: top-n).
-- variant: top-n
CREATE INDEX idx_hot_color ON entity_jsonb (tenant_id, (hot_attrs ->> 'color'));
CREATE INDEX idx_values_top_n ON entity_values_ts (tenant_id, attribute_id, value, entity_id) INCLUDE (ingested_at)
  WHERE attribute_id IN (3, 4);

-- variant: no-gin

-- What settings ask for.
-- variant: unlogged

-- variant: logged
ALTER TABLE entity_values_ingest SET LOGGED;

-- variant: replicas
-- One row per process that writes here, updated all the time (mission-map B13), as in pg-replica. No write acknowledged
-- before settled_us (of the primary's clock, since 1970) is missing in the time series where the row is visible.
CREATE TABLE heartbeat (
  source text PRIMARY KEY,
  ts timestamptz NOT NULL,
  settled_us bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- variant: view
-- The documents' materialised analytical view (mission-map C22): who had which value in which hour, of the attributes that
-- Q10 asks for. The unique index is what REFRESH … CONCURRENTLY needs.
CREATE MATERIALIZED VIEW entity_values_hourly AS
  SELECT DISTINCT tenant_id, attribute_id, date_trunc('hour', ingested_at, 'UTC') AS hour, value, entity_id
    FROM entity_values_ts WHERE attribute_id IN (3, 4);
CREATE UNIQUE INDEX idx_hourly ON entity_values_hourly (tenant_id, attribute_id, hour, value, entity_id);
-- No write acknowledged before as_of is missing in the view; null: it was never refreshed.
CREATE TABLE eav_view (as_of timestamptz);
INSERT INTO eav_view VALUES (NULL);

-- Partition keys have to be part of it (mission-map 2.1): ingested_at, and entity_id for sub-partitions.
-- variant: dedup
CREATE UNIQUE INDEX idx_values_dedup ON entity_values_ts (tenant_id, write_id, ingested_at, entity_id);
