/** What a service says of itself. */
import { metric } from './metric.ts'

export const SERVICE_METRICS = [
  metric(
    'pool.waitMs',
    'ms',
    'pool wait p99',
    'p99 over a second of the time from a request’s arrival to its database connection, refused ones included',
    'less',
    'gauge',
    'part',
  ),
  metric(
    'pool.waitMaxMs',
    'ms',
    'longest pool wait',
    'longest time over two seconds from a request’s arrival to its database connection, refused ones included',
    'less',
    'gauge',
    'part',
  ),
  metric(
    'service.queueEvents',
    'events',
    'service queue',
    'events queued inside the service',
    'less',
    'gauge',
    'part',
  ),
  metric(
    'service.eventLoopDelayP99Us',
    'µs',
    'service loop delay',
    'p99 delay of the service’s event loop',
    'less',
    'gauge',
    'part',
  ),
  metric(
    'secondary.failedEvents',
    'events',
    'failed secondary writes',
    'events whose fire-and-forget write failed',
    'less',
    'counter',
    'part',
  ),
] as const
