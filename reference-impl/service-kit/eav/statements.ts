/** The SQL of eav that carries values. In: where writes come from. Out: statements; who runs them knows no columns. */
import { EAV_COLUMNS } from '../../../src/shapes/eav/columns.ts'

export const STAGING = 'entity_values_ingest'
export const SERIES = 'entity_values_ts'
/** The latest value of every attribute that is hot, one row per entity. */
export const PROJECTION = 'entity_jsonb'
/** Materialised, where a setting asks for it. */
export const VIEW = 'entity_values_hourly'

export const COPY_STAGING = `COPY ${STAGING} (${EAV_COLUMNS.copy.join(', ')}) FROM STDIN`

/** Critical writes of one batch, as arrays. */
const GIVEN = `unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::jsonb[])
    AS g (tenant_id, write_id, entity_id, written_at, attribute, value)`
const STAGED = `(SELECT tenant_id, write_id, entity_id, written_at, attribute,
    CASE data_type WHEN 'number' THEN value::jsonb ELSE to_jsonb(value) END AS value
  FROM ${STAGING} WHERE critical) AS g`

/**
 * Brings the hot projection up to date. The later write wins, by its own time and then by its id: the result is the same in
 * whatever order writes arrive, and a write that is sent again changes nothing. Rows are locked in one order.
 */
function projectionOf(source: string): string {
  return `
WITH given AS (
  SELECT tenant_id, entity_id, attribute, value,
         to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '/' || write_id AS version
    FROM ${source}
), latest AS (
  SELECT DISTINCT ON (tenant_id, entity_id, attribute) *
    FROM given ORDER BY tenant_id, entity_id, attribute, version COLLATE "C" DESC
), projected AS (
  INSERT INTO entity_jsonb AS e (tenant_id, entity_id, hot_attrs, hot_versions)
  SELECT tenant_id, entity_id, jsonb_object_agg(attribute, value), jsonb_object_agg(attribute, version)
    FROM latest GROUP BY tenant_id, entity_id ORDER BY tenant_id, entity_id
  ON CONFLICT (tenant_id, entity_id) DO UPDATE
    SET (hot_attrs, hot_versions, revision) = (
      SELECT e.hot_attrs || jsonb_object_agg(n.key, excluded.hot_attrs -> n.key),
             e.hot_versions || jsonb_object_agg(n.key, n.value), e.revision + 1
        FROM jsonb_each_text(excluded.hot_versions) AS n
       WHERE n.value COLLATE "C" > coalesce(e.hot_versions ->> n.key, ''))
    WHERE EXISTS (SELECT FROM jsonb_each_text(excluded.hot_versions) AS n
                   WHERE n.value COLLATE "C" > coalesce(e.hot_versions ->> n.key, ''))
  RETURNING tenant_id, entity_id, hot_attrs, revision
), born AS (
  INSERT INTO entities (tenant_id, entity_id)
  SELECT tenant_id, entity_id FROM projected WHERE revision = 1 ON CONFLICT DO NOTHING
)
SELECT tenant_id, entity_id::text AS entity_id, hot_attrs::text AS hot_attrs, revision::text AS revision FROM projected`
}

export const PROJECT_GIVEN = projectionOf(GIVEN)
/** For rows that were loaded in bulk. */
export const PROJECT_STAGED = projectionOf(STAGED)

/** One row of PROJECT_GIVEN. */
export interface ProjectedRow {
  readonly tenant_id: string
  readonly entity_id: string
  readonly hot_attrs: string
  readonly revision: string
}

const EVENT = `tenant_id, write_id, entity_id::float8 AS entity_id,
  to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS written_at,
  note, attribute, critical, CASE WHEN is_number THEN value::jsonb ELSE to_jsonb(value) END AS value, weight`

/** One write, staged or flushed already: one statement sees one of the two. */
export const LOOKUP = `
SELECT ${EVENT} FROM (
  SELECT tenant_id, write_id, entity_id, written_at, note, attribute, critical, data_type = 'number' AS is_number, value, weight
    FROM ${STAGING} WHERE tenant_id = $1::uuid AND write_id = $2
  UNION ALL
  SELECT tenant_id, write_id, entity_id, ingested_at, note, a.name, critical, is_number, value, weight
    FROM ${SERIES} JOIN attributes a USING (attribute_id) WHERE tenant_id = $1::uuid AND write_id = $2
) AS writes LIMIT 1`

export const ENTITY = `
SELECT hot_attrs::text AS hot_attrs, revision::text AS revision
  FROM entity_jsonb WHERE tenant_id = $1::uuid AND entity_id = $2::bigint`

/** Whatever stands in size: only numbers are compared, so no cast can fail. */
const IS_LARGE = `CASE jsonb_typeof(hot_attrs -> 'size') WHEN 'number' THEN (hot_attrs ->> 'size')::numeric > 100 END`
const HOT_FILTERS = {
  arrow: `hot_attrs ->> 'color' = 'red' AND ${IS_LARGE}`,
  containment: `hot_attrs @> '{"color": "red"}' AND ${IS_LARGE}`,
  jsonpath: `hot_attrs @@ '$.color == "red" && $.size > 100'`,
} as const
export const HOT_FORMS = ['seed', 'arrow', 'containment', 'jsonpath'] as const

/**
 * As documented, but for one word: it casts to int there, which fails on the first fraction, and sizes have fractions here
 * (word for word it is in exhibits.sql). Nothing guards the cast: it fails on the first size that is no number.
 */
const SEED_QUERY = `SELECT e.entity_id::float8 AS entity_id, ej.hot_attrs
  FROM entities e JOIN entity_jsonb ej USING (entity_id, tenant_id)
 WHERE e.tenant_id = $1::uuid AND ej.hot_attrs ->> 'color' = 'red' AND (ej.hot_attrs ->> 'size')::numeric > 100 LIMIT 100`

/** Q9: entities that are red and large now (mission-map C19). */
export function hotQuery(form: (typeof HOT_FORMS)[number]): string {
  if (form === 'seed') return SEED_QUERY
  return `SELECT entity_id::float8 AS entity_id, hot_attrs FROM entity_jsonb
 WHERE tenant_id = $1::uuid AND ${HOT_FILTERS[form]} LIMIT 100`
}

const DISTINCT_FILTERS = {
  // As documented: the planner learns the attributes' ids only while it joins.
  join: `a.name IN ('category', 'status')`,
  indexed: `ev.attribute_id = ANY (ARRAY(SELECT attribute_id FROM attributes WHERE name IN ('category', 'status')))`,
} as const
export const DISTINCT_FORMS = ['join', 'indexed', 'top-n', 'view'] as const

/**
 * The attributes by constants, which alone match the predicate of a partial index, and grouped in its order: names are added
 * to what is left.
 */
const TOP_N_QUERY = `SELECT a.name AS attribute, top.value, top.entities FROM (
  SELECT attribute_id, value, count(DISTINCT entity_id)::float8 AS entities
    FROM ${SERIES}
   WHERE tenant_id = $1::uuid AND attribute_id IN (3, 4) AND ingested_at >= $2::timestamptz AND ingested_at < $3::timestamptz
   GROUP BY attribute_id, value
) AS top JOIN attributes a USING (attribute_id)
 ORDER BY top.entities DESC, a.name, top.value LIMIT 10001`

/** Q10: entities by attribute and value over a range. */
export function distinctQuery(form: keyof typeof DISTINCT_FILTERS | 'top-n'): string {
  if (form === 'top-n') return TOP_N_QUERY
  return `SELECT a.name AS attribute, ev.value, count(DISTINCT ev.entity_id)::float8 AS entities
  FROM ${SERIES} ev JOIN attributes a USING (attribute_id)
 WHERE ev.tenant_id = $1::uuid AND ev.ingested_at >= $2::timestamptz AND ev.ingested_at < $3::timestamptz
   AND ${DISTINCT_FILTERS[form]}
 GROUP BY a.name, ev.value ORDER BY entities DESC, a.name, ev.value LIMIT 10001`
}

/** Q10 from the view for whole hours, from the time series for what is left of the range on both sides. */
export const VIEWED_QUERY = `
WITH early AS (
  SELECT least(date_trunc('hour', $2::timestamptz + interval '1 hour -1 microsecond', 'UTC'), $3::timestamptz) AS lo
), whole AS (
  SELECT lo, greatest(date_trunc('hour', $3::timestamptz, 'UTC'), lo) AS hi FROM early
), ev AS (
  SELECT attribute_id, value, entity_id FROM ${VIEW}, whole
   WHERE tenant_id = $1::uuid AND hour >= lo AND hour < hi
  UNION ALL
  SELECT attribute_id, value, entity_id FROM ${SERIES}, whole
   WHERE tenant_id = $1::uuid AND attribute_id IN (3, 4) AND ingested_at >= $2::timestamptz AND ingested_at < lo
  UNION ALL
  SELECT attribute_id, value, entity_id FROM ${SERIES}, whole
   WHERE tenant_id = $1::uuid AND attribute_id IN (3, 4) AND ingested_at >= hi AND ingested_at < $3::timestamptz
)
SELECT a.name AS attribute, ev.value, count(DISTINCT ev.entity_id)::float8 AS entities
  FROM ev JOIN attributes a USING (attribute_id)
 GROUP BY a.name, ev.value ORDER BY entities DESC, a.name, ev.value LIMIT 10001`

/** How long the oldest write has waited that no flush has moved; 0: none waits. */
export const STAGED_AGE = `
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(staged_at)), 0)::float8 * 1000 AS age_ms FROM ${STAGING}`

/** No write acknowledged before this is missing in the time series: on the primary, and where that snapshot is replayed. */
export const SETTLED = `
SELECT (extract(epoch FROM least(statement_timestamp(), min(staged_at))) * 1e6)::bigint AS settled_us FROM ${STAGING}`

export const REFRESH_VIEW = `REFRESH MATERIALIZED VIEW CONCURRENTLY ${VIEW}`
/** Before the refresh, in its transaction: what is staged now may be missing, and whatever is acknowledged from now on. */
export const VIEW_AS_OF = `
UPDATE eav_view SET as_of = (SELECT least(statement_timestamp(), min(staged_at)) FROM ${STAGING})`
/** 0 before the first refresh. */
export const VIEW_AS_OF_KNOWN = `
SELECT coalesce((extract(epoch FROM as_of) * 1e6)::bigint, 0) FROM eav_view`
export const SERVER_TIME = 'SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint'
/** Null before the first refresh. */
export const VIEW_AGE = `
SELECT extract(epoch FROM clock_timestamp() - as_of)::float8 * 1000 AS age_ms FROM eav_view`

/** All that the view shows. */
export const VIEWED = `
SELECT tenant_id || '/' || entity_id || '/' || name || '/' ||
       to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24') || '/' || value
  FROM ${VIEW} JOIN attributes USING (attribute_id)`

/** All that the projection shows: key, version, value. What is not there is shown as a version before all, and as null. */
export const SHOWN = `
SELECT tenant_id || '/' || entity_id || '/' || key, coalesce(hot_versions ->> key, ''), coalesce(hot_attrs -> key, 'null')::text
  FROM entity_jsonb, jsonb_object_keys(hot_attrs || hot_versions) AS key`

/**
 * Whether the projection is what its writes say. `behind`: an older value than the latest stored write has; `wrong`: its
 * version, with another value; `ahead`: of a write that is not stored (lost with UNLOGGED staging).
 */
export const PROJECTION_CHECK = `
WITH writes AS (
  SELECT tenant_id, entity_id, a.name AS attribute, value, ingested_at AS written_at, write_id
    FROM ${SERIES} JOIN attributes a USING (attribute_id) WHERE critical
  UNION ALL SELECT tenant_id, entity_id, attribute, value, written_at, write_id FROM ${STAGING} WHERE critical
), latest AS (
  SELECT DISTINCT ON (tenant_id, entity_id, attribute) *,
         to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '/' || write_id AS version
    FROM writes ORDER BY tenant_id, entity_id, attribute, written_at DESC, write_id COLLATE "C" DESC
), shown AS (
  SELECT tenant_id, entity_id, v.key AS attribute, v.value AS version, hot_attrs ->> v.key AS value
    FROM entity_jsonb, jsonb_each_text(hot_versions) AS v
)
SELECT count(*)::int AS attributes,
       count(*) FILTER (WHERE s.version IS NULL OR s.version COLLATE "C" < l.version)::int AS behind,
       count(*) FILTER (WHERE l.version IS NULL OR s.version COLLATE "C" > l.version)::int AS ahead,
       count(*) FILTER (WHERE s.version = l.version AND s.value <> l.value)::int AS wrong
  FROM latest l FULL JOIN shown s USING (tenant_id, entity_id, attribute)`
