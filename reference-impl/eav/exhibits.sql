-- The documents' own statements that fail, word for word where it matters (mission-map 2.10, 2.13, G29). The contract suite
-- runs each on a real engine and expects what is documented here; the fixed form stands in schema.sql or reads.ts.

-- variant: plain-index
CREATE INDEX exhibit_plain ON exhibit_jsonb (tenant_id, entity_id);

-- variant: upsert
INSERT INTO exhibit_jsonb (tenant_id, entity_id, hot_attrs)
VALUES ('00000000-0000-4000-8000-000000000001', 1, '{"color": "red"}')
ON CONFLICT (tenant_id, entity_id) DO UPDATE SET hot_attrs = exhibit_jsonb.hot_attrs || excluded.hot_attrs;

-- variant: hot-read
SELECT e.entity_id, ej.hot_attrs
FROM entities e
JOIN entity_jsonb ej USING (entity_id, tenant_id)
WHERE e.tenant_id = '00000000-0000-4000-8000-000000000001'
  AND ej.hot_attrs->>'color' = 'red'
  AND (ej.hot_attrs->>'size')::int > 100
LIMIT 100;
