/** Arithmetic the documents use, each with the document's own example in its test. Pure numbers in, numbers out. */

export const SECONDS_PER_DAY = 86_400
/** The documents count thirty days: 8,000/s sustained is 20.7 billion rows a month, 500 million a month is 193/s. */
export const DAYS_PER_MONTH = 30

/** Rows written in a month of thirty days at a sustained rate. */
export function rowsPerMonth(ratePerS: number): number {
  return ratePerS * SECONDS_PER_DAY * DAYS_PER_MONTH
}

/** The sustained rate that fills a month with so many rows. */
export function rateOfRowsPerMonth(rows: number): number {
  return rows / (SECONDS_PER_DAY * DAYS_PER_MONTH)
}

/** Rows a table holds once it is as old as its retention. */
export function rowsHeld(ratePerS: number, retentionDays: number): number {
  return ratePerS * SECONDS_PER_DAY * retentionDays
}

/** F7: bytes written per day: 10,000/s × 500 B is 432 GB. */
export function dailyBytes(ratePerS: number, eventBytes: number): number {
  return ratePerS * SECONDS_PER_DAY * eventBytes
}

/** F7 over a month of thirty days: 13 TB in the document’s example. */
export function monthlyBytes(ratePerS: number, eventBytes: number): number {
  return dailyBytes(ratePerS, eventBytes) * DAYS_PER_MONTH
}

export interface CheckpointSettings {
  readonly maxWalBytes: number
  readonly completionTarget: number
  readonly timeoutS: number
  readonly segmentBytes: number
}

/**
 * F12: WAL volume after which PostgreSQL asks for a checkpoint: it keeps the WAL of the last and the running checkpoint
 * below max_wal_size, so the distance is max_wal_size ÷ (1 + checkpoint_completion_target).
 */
export function checkpointDistanceBytes(settings: CheckpointSettings): number {
  return settings.maxWalBytes / (1 + settings.completionTarget)
}

/**
 * F12 as the server reckons it, in whole segments: max_wal_size is cut to segments, the quotient rounded down and at least
 * one (xlog.c, CalculateCheckpointSegments), and it asks as soon as the last of so many is full (XLogCheckpointNeeded).
 */
export function checkpointSegments(settings: CheckpointSettings): number {
  const held = Math.floor(settings.maxWalBytes / settings.segmentBytes)
  return Math.max(1, Math.floor(held / (1 + settings.completionTarget)))
}

/** F12: seconds between checkpoints at a WAL rate: whichever of time and volume, in whole segments, comes first. */
export function checkpointIntervalS(settings: CheckpointSettings, walBytesPerS: number): number {
  if (walBytesPerS <= 0) return settings.timeoutS
  const distance = checkpointSegments(settings) * settings.segmentBytes
  return Math.min(settings.timeoutS, distance / walBytesPerS)
}

export interface VacuumSettings {
  readonly thresholdRows: number
  readonly scaleRatio: number
  /** PostgreSQL 18 caps the sum (autovacuum_vacuum_max_threshold); null: no cap. */
  readonly maxThresholdRows: number | null
}

/** F1: dead rows from which autovacuum comes: threshold + scale × live rows, from PostgreSQL 18 on at most its cap. */
export function vacuumThresholdRows(settings: VacuumSettings, liveRows: number): number {
  const uncapped = settings.thresholdRows + settings.scaleRatio * Math.max(0, liveRows)
  return Math.min(settings.maxThresholdRows ?? Infinity, uncapped)
}

/** F2: the documented multiples of a row's bytes that a statement writes to the WAL. UNLOGGED tables write none. */
export const WAL_MULTIPLIERS = { insert: 1.2, update: 2, delete: 0.3 } as const

export interface RowsWritten {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
}

/** F2: WAL of so many statements on rows of this size, by the documented multiples. */
export function documentedWalBytes(rows: RowsWritten, rowBytes: number): number {
  const { insert, update, delete: remove } = WAL_MULTIPLIERS
  return rowBytes * (insert * rows.inserted + update * rows.updated + remove * rows.deleted)
}

export interface ConnectionNeeds {
  readonly workers: number
  readonly concurrency: number
  /** Sessions that LISTEN; each keeps a connection for itself. */
  readonly listeners: number
  /** Of the service that takes events in: what it writes, reads and looks at its queue through. */
  readonly service: number
  readonly admin: number
}

/** F3: "+ 20 %" has no base in the document: it is taken on the whole sum. */
export const CONNECTIONS_RESERVE = 1.2

/** F3: connections that a server must allow, rounded up. */
export function connectionsNeeded(needs: ConnectionNeeds): number {
  const { workers, concurrency, listeners, service, admin } = needs
  const sum = workers * concurrency + listeners + service + admin
  // Twelve digits: 1.2 has no exact double, and 10 × 1.2 must not become 13.
  return Math.ceil(Number((sum * CONNECTIONS_RESERVE).toPrecision(12)))
}

const PARTITION_DAYS = {
  hourly: 1 / 24,
  daily: 1,
  weekly: 7,
  '30-day': 30,
  monthly: 365 / 12,
} as const
export type PartitionInterval = keyof typeof PARTITION_DAYS

export interface PartitionLayout {
  readonly interval: PartitionInterval
  /** What each interval is cut into by hash; 1: it is one partition. */
  readonly parts: number
}

/** F9: 365, 52, 12; hourly, which no document counts, 8,760. */
export function partitionsPerYear({ interval, parts }: PartitionLayout): number {
  return Math.floor(365 / PARTITION_DAYS[interval]) * parts
}

/** F9: rows that fall into one partition at a sustained rate; times the bytes of a row, its size. */
export function rowsPerPartition(ratePerS: number, { interval, parts }: PartitionLayout): number {
  return (ratePerS * SECONDS_PER_DAY * PARTITION_DAYS[interval]) / parts
}

/** F9: partitions that are there at once. */
export function partitionsHeld(retentionDays: number, layout: PartitionLayout): number {
  const { interval, parts } = layout
  // The one being written is there besides those that are full.
  return (Math.ceil(Number((retentionDays / PARTITION_DAYS[interval]).toPrecision(12))) + 1) * parts
}

/** F13: an event that is claimed and completed by UPDATE leaves two dead rows; none of them HOT. */
export const DEAD_ROWS_PER_EVENT = 2

/** F13: dead rows that gather between two visits of autovacuum, whatever its scale factor: it wakes once in naptime. */
export function deadRowsBetweenVisits(
  ratePerS: number,
  deadPerEvent: number,
  naptimeS: number,
): number {
  return ratePerS * deadPerEvent * naptimeS
}

/** F14: seconds until a slot that nobody reads has filled the disk; Infinity without WAL. */
export function diskFullInS(freeBytes: number, walBytesPerS: number): number {
  return walBytesPerS > 0 ? freeBytes / walBytesPerS : Infinity
}
