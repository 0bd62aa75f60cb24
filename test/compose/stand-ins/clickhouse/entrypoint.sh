#!/usr/bin/env bash
# The contract of the official image: CLICKHOUSE_USER, CLICKHOUSE_PASSWORD(_FILE), CLICKHOUSE_DB, /docker-entrypoint-initdb.d,
# config.d and users.d; root steps down to clickhouse. Other commands run as they are.
set -euo pipefail
if [ "$#" -gt 0 ] && [ "${1:0:2}" != -- ]; then exec "$@"; fi
if [ -n "${CLICKHOUSE_PASSWORD_FILE:-}" ]; then CLICKHOUSE_PASSWORD=$(<"$CLICKHOUSE_PASSWORD_FILE"); fi
export CLICKHOUSE_PASSWORD=${CLICKHOUSE_PASSWORD:-}
if [ "$(id -u)" = 0 ]; then
  chown clickhouse:clickhouse /var/lib/clickhouse
  exec setpriv --reuid=clickhouse --regid=clickhouse --init-groups node /opt/stand-in/gate.mjs
fi
exec node /opt/stand-in/gate.mjs
