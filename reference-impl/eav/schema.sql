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
-- Rows of ranges that have no partition, yet or for good: no flush fails for want of one.
CREATE TABLE entity_values_ts_default PARTITION OF entity_values_ts DEFAULT;
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

CREATE FUNCTION partition_name(first_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT 'entity_values_ts_' || to_char(first_at AT TIME ZONE 'UTC', 'YYYYMMDD')
$$;

-- Makes the partition of this time, and moves there what waited in the default partition. CREATE TABLE … PARTITION OF would
-- lock the whole series; attaching locks the default partition alone. Behind a long reader it gives up at once, for readers and
-- flushes wait behind it, and its caller tries again later: rows wait in the default partition meanwhile.
CREATE FUNCTION ensure_partition(at timestamptz) RETURNS void LANGUAGE plpgsql SET lock_timeout = '50ms' AS $$
DECLARE
  layout eav_layout%ROWTYPE;
  first_at timestamptz;
  end_at timestamptz;
  name text;
BEGIN
  SELECT * INTO STRICT layout FROM eav_layout;
  first_at := date_trunc(layout.period, at, 'UTC');
  end_at := (first_at AT TIME ZONE 'UTC' + ('1 ' || layout.period)::interval) AT TIME ZONE 'UTC';
  name := partition_name(first_at);
  IF to_regclass(name) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE entity_values_ts INCLUDING DEFAULTS INCLUDING STORAGE)%s', name,
    CASE WHEN layout.hash_shards > 1 THEN ' PARTITION BY HASH (entity_id)' ELSE '' END);
  IF layout.hash_shards > 1 THEN
    FOR shard IN 0 .. layout.hash_shards - 1 LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
        name || '_' || shard, name, layout.hash_shards, shard);
    END LOOP;
  END IF;
  LOCK TABLE entity_values_ts_default IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('WITH moved AS (
      DELETE FROM entity_values_ts_default WHERE ingested_at >= %L AND ingested_at < %L RETURNING *
    ) INSERT INTO %I SELECT * FROM moved', first_at, end_at, name);
  -- Indexes come with it.
  EXECUTE format('ALTER TABLE entity_values_ts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first_at, end_at);
END
$$;

-- As many ranges as make a hundred tables: every table and index of a transaction takes its place in the lock table.
CREATE FUNCTION ranges_max() RETURNS int LANGUAGE sql STABLE AS $$
  SELECT greatest(1, 100 / hash_shards) FROM eav_layout
$$;

-- Times near enough to now for a partition of their own. A clock gone wrong sends any time: thousands of partitions would be
-- worse than rows that wait in one, where every query finds them.
CREATE FUNCTION near_now(OUT first_at timestamptz, OUT end_at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT (date_trunc(period, now() AT TIME ZONE 'UTC') - ranges_max() * ('1 ' || period)::interval) AT TIME ZONE 'UTC',
         (date_trunc(period, now() AT TIME ZONE 'UTC' + interval '1 day') + ('1 ' || period)::interval) AT TIME ZONE 'UTC'
    FROM eav_layout
$$;

-- Ranges that should have a partition and have none: of now, of a day from now, and near ones of rows that wait.
CREATE FUNCTION wanted_ranges() RETURNS SETOF timestamptz LANGUAGE sql STABLE AS $$
  WITH times AS (
    SELECT now() AS at
    UNION ALL SELECT now() + interval '1 day'
    UNION ALL SELECT written_at FROM entity_values_ingest
    UNION ALL SELECT ingested_at FROM entity_values_ts_default
  ), ranges AS (
    SELECT DISTINCT date_trunc(period, at, 'UTC') AS first_at
      FROM times, near_now() AS near, eav_layout WHERE at >= near.first_at AND at < near.end_at
  )
  SELECT first_at FROM ranges WHERE to_regclass(partition_name(first_at)) IS NULL ORDER BY 1
$$;

-- All of them in one transaction: for whoever loads in bulk.
CREATE FUNCTION ensure_partitions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  first_at timestamptz;
BEGIN
  FOREACH first_at IN ARRAY ARRAY(SELECT wanted_ranges()) LOOP
    PERFORM ensure_partition(first_at);
  END LOOP;
END
$$;

CREATE FUNCTION first_kept(retain int) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT (date_trunc(period, now() AT TIME ZONE 'UTC') - retain * ('1 ' || period)::interval) AT TIME ZONE 'UTC' FROM eav_layout
$$;

-- Partitions that end before those that are kept, the oldest first. Their names sort as their ranges do.
CREATE FUNCTION partitions_past(retain int) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT child.relname::text
    FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
   WHERE inhparent = 'entity_values_ts'::regclass AND inhrelid <> 'entity_values_ts_default'::regclass
     AND child.relname < partition_name(first_kept(retain))
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
-- late: of what is stored, rows that wait for the partition that their range should have.
CREATE FUNCTION stage_flush(
  since timestamptz DEFAULT '-infinity', before timestamptz DEFAULT 'infinity',
  OUT moved bigint, OUT stored bigint, OUT late bigint
) LANGUAGE sql AS $$
  WITH d AS (DELETE FROM entity_values_ingest WHERE written_at >= since AND written_at < before RETURNING *),
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
    ON CONFLICT DO NOTHING RETURNING tableoid AS kept_in, ingested_at
  )
  SELECT (SELECT count(*) FROM d), count(kept_in), count(*) FILTER (
           WHERE kept_in = 'entity_values_ts_default'::regclass AND ingested_at >= near.first_at AND ingested_at < near.end_at)
    FROM near_now() AS near LEFT JOIN kept ON true
$$;

-- Where to stop when what is staged lies in more partitions than one transaction can lock: 'infinity' for the last part.
CREATE FUNCTION flush_border(since timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT DISTINCT date_trunc(period, written_at, 'UTC') FROM entity_values_ingest, eav_layout WHERE written_at >= since
     ORDER BY 1 OFFSET (SELECT ranges_max()) LIMIT 1
  ), 'infinity')
$$;

-- A labelled exhibit, the setting `flush: naive`: two statements, two snapshots. What is committed between them is deleted
-- and never inserted (mission-map 2.10).
CREATE FUNCTION stage_flush_naive(
  since timestamptz DEFAULT '-infinity', before timestamptz DEFAULT 'infinity',
  OUT moved bigint, OUT stored bigint, OUT late bigint
) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO attributes (name, data_type)
  SELECT DISTINCT ON (attribute) attribute, data_type FROM entity_values_ingest ON CONFLICT (name) DO NOTHING;
  INSERT INTO entity_values_ts (tenant_id, entity_id, attribute_id, is_number, critical, value, weight, write_id, note, ingested_at)
  SELECT d.tenant_id, d.entity_id, a.attribute_id, d.data_type = 'number', d.critical, d.value, d.weight, d.write_id, d.note, d.written_at
    FROM entity_values_ingest d JOIN attributes a ON a.name = d.attribute
   WHERE d.written_at >= since AND d.written_at < before
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS stored = ROW_COUNT;
  DELETE FROM entity_values_ingest WHERE written_at >= since AND written_at < before;
  GET DIAGNOSTICS moved = ROW_COUNT;
  -- Nobody counts them here: they get their partition when the worker next looks.
  late := 0;
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
