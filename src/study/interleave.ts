/** The order of runs: forward in odd rounds, backward in even ones, so that drift hits every target alike. Pure. */
export interface PlannedRun<T> {
  readonly target: T
  /** 1-based. */
  readonly round: number
  /** 1-based over the whole study. */
  readonly position: number
}

export function interleave<T>(targets: readonly T[], rounds: number): PlannedRun<T>[] {
  const planned: PlannedRun<T>[] = []
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? targets : [...targets].reverse()
    for (const target of order) planned.push({ target, round, position: planned.length + 1 })
  }
  return planned
}
