/** How finely freshness is known. In: gaps between polls, and how many polls it took to look everywhere. Out: the worst of all. */
import type { Measured } from './record.ts'

interface FreshnessResolution {
  /** Within this it is known when an event became readable, wherever it lies. */
  readonly withinMs: number
  /** The widest gap between two polls, and how many of them are a round. */
  readonly gapMs: number
  readonly roundPolls: number
}

export function worstResolution(all: readonly Measured[]): FreshnessResolution | null {
  const known = all.flatMap(({ freshnessResolutionMs, freshnessRoundPolls }) =>
    Object.entries(freshnessResolutionMs).map(([store, gapMs]) => {
      const roundPolls = freshnessRoundPolls?.[store] ?? 1
      return { withinMs: gapMs * roundPolls, gapMs, roundPolls }
    }),
  )
  return known.toSorted((a, b) => b.withinMs - a.withinMs)[0] ?? null
}
