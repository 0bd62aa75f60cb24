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
}

/**
 * F12: WAL volume after which PostgreSQL asks for a checkpoint: it keeps the WAL of the last and the running checkpoint
 * below max_wal_size, so the distance is max_wal_size ÷ (1 + checkpoint_completion_target).
 */
export function checkpointDistanceBytes(settings: CheckpointSettings): number {
  return settings.maxWalBytes / (1 + settings.completionTarget)
}

/** F12: seconds between checkpoints at a WAL rate: whichever of time and volume comes first. */
export function checkpointIntervalS(settings: CheckpointSettings, walBytesPerS: number): number {
  if (walBytesPerS <= 0) return settings.timeoutS
  return Math.min(settings.timeoutS, checkpointDistanceBytes(settings) / walBytesPerS)
}
