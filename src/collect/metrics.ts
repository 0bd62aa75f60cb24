/** Every metric Headroom knows, once: unit, meaning, and which way is better. Anything recorded has its id here. */
import { CLICKHOUSE_METRICS } from './metrics/clickhouse.ts'
import { DRIVER_METRICS } from './metrics/driver.ts'
import { EAV_METRICS } from './metrics/eav.ts'
import { MACHINE_METRICS } from './metrics/machine.ts'
import { OUTBOX_METRICS } from './metrics/outbox.ts'
import { PGBOUNCER_METRICS } from './metrics/pgbouncer.ts'
import { SERVER_METRICS } from './metrics/postgres-server.ts'
import { STANDBY_METRICS } from './metrics/postgres-standbys.ts'
import { TABLE_METRICS } from './metrics/postgres-tables.ts'
import { WAL_METRICS } from './metrics/postgres-wal.ts'
import { QUERY_METRICS } from './metrics/queries.ts'
import { REDIS_METRICS } from './metrics/redis.ts'
import { REPLICA_METRICS } from './metrics/replica.ts'
import { SERVICE_METRICS } from './metrics/services.ts'
import { STORE_METRICS } from './metrics/stores.ts'
import type { Metric } from './metrics/metric.ts'

export type { Metric } from './metrics/metric.ts'

export const METRICS = [
  ...DRIVER_METRICS,
  ...STORE_METRICS,
  ...WAL_METRICS,
  ...TABLE_METRICS,
  ...STANDBY_METRICS,
  ...SERVER_METRICS,
  ...CLICKHOUSE_METRICS,
  ...REDIS_METRICS,
  ...PGBOUNCER_METRICS,
  ...SERVICE_METRICS,
  ...REPLICA_METRICS,
  ...OUTBOX_METRICS,
  ...EAV_METRICS,
  ...QUERY_METRICS,
  ...MACHINE_METRICS,
] as const satisfies readonly Metric[]

export type MetricId = (typeof METRICS)[number]['id']

const byId = new Map<string, Metric>(METRICS.map((entry) => [entry.id, entry]))

/** A metric key is an id, or an id with its label: `query.seconds{Q1}`. */
export function metricKey(id: string, label: string | null): string {
  return label === null ? id : `${id}{${label}}`
}

export function parseMetricKey(key: string): {
  readonly id: string
  readonly label: string | null
} {
  const match = /^([^{]+)\{(.*)\}$/.exec(key)
  return match === null
    ? { id: key, label: null }
    : { id: match[1] ?? key, label: match[2] ?? null }
}

/** The metric behind an id or key; undefined when there is none. */
export function findMetric(key: string): Metric | undefined {
  return byId.get(parseMetricKey(key).id)
}
