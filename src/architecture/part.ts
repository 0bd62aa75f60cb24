/** One process, process group or container under test, whose pids may change while it lives. */
export interface Part {
  /** `service`, `postgres`, `clickhouse`, `driver`, `harness`; unique in a run. */
  readonly name: string
  readonly kind: 'service' | 'worker' | 'engine' | 'driver' | 'harness'
  /** Cores it can use where it is fewer than there are: 1 of an event loop, a container's quota. Absent: all, as far as known. */
  readonly coresMax?: number
  /** Live pids now, children included; empty when the part is down. */
  pids(): readonly number[]
  /** Kills, stops, continues or starts again: what fault scenarios and the contract suite use. */
  fault(fault: PartFault): Promise<void>
}

export type PartFault = 'kill' | 'freeze' | 'thaw' | 'restart'
