-- One row per process that writes here, updated all the time (mission-map B13). Half of each page stays free, so that an
-- update finds room on its own page and touches no index.
-- variant: all
CREATE TABLE heartbeat (
  source text PRIMARY KEY,
  ts timestamptz NOT NULL
) WITH (fillfactor = 50);
