/** Freshness and backlog: what the stores of a target show while it runs. */
import { metric } from './metric.ts'

export const STORE_METRICS = [
  metric(
    'freshness.p50Us',
    'µs',
    'freshness p50',
    'from ack to readable',
    'less',
    'gauge',
    'store',
  ),
  metric(
    'freshness.p99Us',
    'µs',
    'freshness p99',
    'from ack to readable',
    'less',
    'gauge',
    'store',
  ),
  metric(
    'backlog.events',
    'events',
    'backlog',
    'events acknowledged and not yet readable',
    'less',
    'gauge',
    'store',
  ),
] as const
