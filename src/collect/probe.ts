/** One value of one metric at one moment. */
export interface Sample {
  /** An id of collect/metrics.ts, where unit, meaning and direction are written. */
  readonly metric: string
  /** What it is about where the metric has instances: a part, a table, a query, a wait event. */
  readonly label: string | null
  /** A gauge's value, or a counter's running total (metrics.ts says which). */
  readonly value: number
}

/** Reads figures from outside; never writes. */
export interface Probe {
  readonly name: string
  readonly intervalMs: number
  sample(signal: AbortSignal): Promise<readonly Sample[]>
}
