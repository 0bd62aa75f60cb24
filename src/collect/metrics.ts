/** Every metric Headroom knows, once: unit, meaning, and which way is better. Anything recorded has its id here. */

export interface Metric {
  readonly id: string
  readonly unit: string
  readonly title: string
  readonly meaning: string
  readonly better: 'less' | 'more' | 'neither'
  /** How a probe reports it: a gauge, or a counter whose rate or difference is taken. */
  readonly kind: 'gauge' | 'counter'
  /** What the label names, where the metric has instances. */
  readonly label: string | null
}

const metric = <const Id extends string>(
  ...[id, unit, title, meaning, better, kind = 'gauge', label = null]: readonly [
    id: Id,
    unit: string,
    title: string,
    meaning: string,
    better: Metric['better'],
    kind?: Metric['kind'],
    label?: string | null,
  ]
): Metric & { readonly id: Id } => ({ id, unit, title, meaning, better, kind, label })

export const METRICS = [
  // The driver's view, per window and per step.
  metric('rate.dueEventsPerS', 'events/s', 'offered', 'events that became due', 'neither'),
  metric('rate.sentEventsPerS', 'events/s', 'sent', 'events handed to a socket', 'more'),
  metric(
    'rate.acceptedEventsPerS',
    'events/s',
    'accepted',
    'events acknowledged as accepted or duplicate',
    'more',
  ),
  metric(
    'rate.storedEventsPerS',
    'events/s',
    'stored',
    'events first seen in the store by the freshness poll',
    'more',
    'gauge',
    'store',
  ),
  metric('latency.p50Us', 'µs', 'latency p50', 'from due to ack, over all due events', 'less'),
  metric('latency.p90Us', 'µs', 'latency p90', 'from due to ack, over all due events', 'less'),
  metric('latency.p99Us', 'µs', 'latency p99', 'from due to ack, over all due events', 'less'),
  metric('latency.p999Us', 'µs', 'latency p99.9', 'from due to ack, over all due events', 'less'),
  metric(
    'sendDelay.p99Us',
    'µs',
    'send delay p99',
    'from due to send: the driver’s own guilt',
    'less',
  ),
  metric(
    'outcome.notAcceptedRatio',
    'ratio',
    'not accepted',
    'shed, unknown, dropped and rejected among due events',
    'less',
  ),
  metric('outcome.droppedRatio', 'ratio', 'dropped', 'due events never sent', 'less'),
  metric(
    'connection.waitedRatio',
    'ratio',
    'waited for a connection',
    'requests that found no free connection',
    'less',
  ),
  metric('driver.cpuCores', 'cores', 'driver CPU', 'cores used by the driver', 'less'),
  metric(
    'driver.eventLoopDelayP99Us',
    'µs',
    'driver loop delay',
    'p99 delay of the driver’s event loop',
    'less',
  ),
  metric('inFlight.requests', 'requests', 'in flight', 'requests due and not yet answered', 'less'),
  // Freshness and backlog, from the stores.
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
  // PostgreSQL.
  metric('wal.bytes', 'bytes', 'WAL', 'write-ahead log inserted', 'less', 'counter'),
  metric(
    'wal.fpiBytes',
    'bytes',
    'WAL full-page images',
    'part of the WAL that is full-page images',
    'less',
    'counter',
  ),
  metric('wal.bytesPerS', 'bytes/s', 'WAL rate', 'write-ahead log inserted per second', 'less'),
  metric(
    'wal.fpiBytesPerS',
    'bytes/s',
    'full-page image rate',
    'full-page image bytes in the WAL per second',
    'less',
  ),
  metric(
    'wal.bytesPerEvent',
    'bytes',
    'WAL per event',
    'WAL without full-page images, per accepted event',
    'less',
  ),
  metric(
    'wal.totalBytesPerEvent',
    'bytes',
    'WAL per event, with images',
    'all WAL with its full-page images, per accepted event',
    'less',
  ),
  metric(
    'wal.fpiBytesPerEvent',
    'bytes',
    'full-page images per event',
    'full-page image bytes per accepted event',
    'less',
  ),
  metric(
    'checkpoint.timed',
    'checkpoints',
    'timed checkpoints',
    'checkpoints begun by checkpoint_timeout',
    'neither',
    'counter',
  ),
  metric(
    'checkpoint.requested',
    'checkpoints',
    'requested checkpoints',
    'checkpoints begun by WAL volume or command',
    'less',
    'counter',
  ),
  metric(
    'checkpoint.writeMs',
    'ms',
    'checkpoint write time',
    'time spent writing checkpoint pages',
    'less',
    'counter',
  ),
  metric(
    'checkpoint.syncMs',
    'ms',
    'checkpoint sync time',
    'time spent syncing checkpoint files',
    'less',
    'counter',
  ),
  metric(
    'table.deadRows',
    'rows',
    'dead tuples',
    'dead rows awaiting vacuum',
    'less',
    'gauge',
    'table',
  ),
  metric(
    'table.hotUpdateRatio',
    'ratio',
    'HOT share',
    'heap-only updates among updates',
    'more',
    'gauge',
    'table',
  ),
  metric('store.rows', 'rows', 'rows', 'rows in the store', 'neither', 'gauge', 'store'),
  metric(
    'store.heapBytesPerEvent',
    'bytes',
    'heap per event',
    'table bytes without indexes, per row',
    'less',
    'gauge',
    'store',
  ),
  metric(
    'store.indexBytesPerEvent',
    'bytes',
    'indexes per event',
    'index bytes per row',
    'less',
    'gauge',
    'store',
  ),
  metric(
    'store.bytesPerEvent',
    'bytes',
    'stored per event',
    'all bytes on disk per row',
    'less',
    'gauge',
    'store',
  ),
  metric(
    'waits.sessions',
    'sessions',
    'waiting sessions',
    'sessions waiting, by wait event',
    'less',
    'gauge',
    'wait event',
  ),
  metric(
    'buffers.hitRatio',
    'ratio',
    'buffer hits',
    'block reads served from shared buffers',
    'more',
  ),
  // ClickHouse.
  metric('parts.active', 'parts', 'active parts', 'active data parts', 'less', 'gauge', 'table'),
  metric('parts.created', 'parts', 'parts created', 'parts written by inserts', 'less', 'counter'),
  metric('merges.running', 'merges', 'running merges', 'background merges running now', 'less'),
  metric(
    'merges.completed',
    'merges',
    'completed merges',
    'background merges finished',
    'neither',
    'counter',
  ),
  metric(
    'inserts.delayed',
    'inserts',
    'delayed inserts',
    'inserts slowed because of too many parts',
    'less',
    'counter',
  ),
  metric(
    'inserts.rejected',
    'inserts',
    'rejected inserts',
    'inserts refused because of too many parts',
    'less',
    'counter',
  ),
  metric(
    'inserts.statements',
    'inserts',
    'insert statements',
    'insert statements begun',
    'neither',
    'counter',
  ),
  metric('parts.perInsert', 'parts', 'parts per insert', 'new parts per insert statement', 'less'),
  // Services.
  metric(
    'pool.waitMs',
    'ms',
    'pool wait p99',
    'time a request waited for a database connection',
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
  // Queries.
  metric(
    'query.seconds',
    's',
    'query time',
    'time to answer, through the service',
    'less',
    'gauge',
    'query',
  ),
  metric(
    'query.rowsRead',
    'rows',
    'rows read',
    'rows the engine read for one answer',
    'less',
    'gauge',
    'query',
  ),
  metric(
    'query.bytesRead',
    'bytes',
    'bytes read',
    'bytes the engine read for one answer',
    'less',
    'gauge',
    'query',
  ),
  metric(
    'query.dueRatio',
    'ratio',
    'events during queries',
    'share of the events that fell due while an answer was awaited, or so shortly before that it could delay them',
    'neither',
    'gauge',
    'query',
  ),
  metric(
    'query.lateRatio',
    'ratio',
    'late events during queries',
    'the same share of the events beyond the latency limit; without a label: of any query',
    'neither',
    'gauge',
    'query',
  ),
  metric(
    'query.bursts',
    'bursts',
    'bursts of queries',
    'times in which answers were awaited, with a pause before',
    'neither',
    'counter',
  ),
  metric(
    'query.slowerBursts',
    'bursts',
    'slower bursts',
    'bursts during which more events were among the slowest tenth of their step than in the pause before',
    'less',
    'counter',
  ),
  // Machine and processes.
  metric('cpu.cores', 'cores', 'CPU', 'cores used by a part', 'less', 'gauge', 'part'),
  metric(
    'cpu.seconds',
    's',
    'CPU time',
    'CPU time of all processes a part has had',
    'less',
    'counter',
    'part',
  ),
  metric(
    'cpu.msPer1000Events',
    'ms',
    'CPU per 1,000 events',
    'CPU time of a part per 1,000 accepted events',
    'less',
    'gauge',
    'part',
  ),
  metric(
    'memory.bytes',
    'bytes',
    'memory',
    'proportional set size of a part',
    'less',
    'gauge',
    'part',
  ),
  metric(
    'machine.foreignCores',
    'cores',
    'foreign CPU',
    'busy cores that are not our processes',
    'less',
  ),
  metric('machine.stealRatio', 'ratio', 'steal', 'CPU time the hypervisor kept', 'less'),
  metric('machine.idleCores', 'cores', 'idle CPU', 'cores without work', 'neither'),
  metric('machine.iowaitCores', 'cores', 'I/O wait', 'idle cores waiting for the disk', 'less'),
  metric(
    'machine.cpuPressureRatio',
    'ratio',
    'CPU pressure',
    'share of time in which some process waited for a core (PSI)',
    'less',
  ),
  metric(
    'machine.ioPressureRatio',
    'ratio',
    'I/O pressure',
    'share of time in which some process waited for the disk (PSI)',
    'less',
  ),
  metric(
    'disk.writeBytes',
    'bytes',
    'disk writes',
    'bytes written to the data disk',
    'less',
    'counter',
  ),
  metric('disk.writeBytesPerS', 'bytes/s', 'disk writes', 'bytes written to the data disk', 'less'),
  metric(
    'disk.fsyncP50Us',
    'µs',
    'fsync',
    'median fdatasync of an 8 KiB page on the data disk',
    'less',
  ),
  metric(
    'probe.cpuCores',
    'cores',
    'cost of measuring',
    'cores used by harness and probes',
    'less',
  ),
  metric(
    'probe.missed',
    'samples',
    'missed samples',
    'samples that failed or were skipped because the one before was late',
    'less',
    'counter',
    'probe',
  ),
  metric('probe.ms', 'ms', 'probe time', 'time one sample took', 'less', 'gauge', 'probe'),
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
