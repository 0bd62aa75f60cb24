/**
 * Which step is running, and whether it has broken an SLO. In: windows, answers and samples as they come. Out: the
 * first breach of each measured step.
 */
import type { DriverWindow, QueryResult, Segment } from '../drive/job.ts'
import type { SloBreach } from '../judge/slo.ts'
import { liveAcceptance } from '../judge/acceptance.ts'
import { liveSlo } from '../judge/slo.ts'
import type { Slo } from '../scenario/scenario.ts'

export interface SloWatch {
  /** Breaches by segment name, as they were first seen. */
  readonly breaches: ReadonlyMap<string, SloBreach>
  /** Each answers true when a step has just been broken. */
  window(window: DriverWindow): boolean
  query(query: QueryResult): boolean
  samples(atMs: number, values: Readonly<Record<string, number>>): boolean
}

export function watchSlos(slos: readonly Slo[], segments: readonly Segment[]): SloWatch {
  const live = liveSlo(slos)
  const acceptance = liveAcceptance()
  const breaches = new Map<string, SloBreach>()
  let current: Segment | null = null

  const note = (breach: SloBreach | null): boolean => {
    if (breach === null || current?.kind !== 'measure' || breaches.has(current.name)) return false
    breaches.set(current.name, breach)
    return true
  }
  return {
    breaches,
    window: (window) => {
      const segment = segmentAt(segments, window.atMs - 500)
      if (segment !== null && segment !== current) {
        current = segment
        live.begin(segment.fromS * 1_000)
        acceptance.begin(segment)
      }
      const refused = acceptance.observeWindow(window)
      return note(live.observeWindow(window) ?? refused)
    },
    query: (query) => note(live.observeQuery(query)),
    samples: (atMs, values) => note(live.observeSamples(atMs, values)),
  }
}

/** The segment that runs at an offset from the epoch; null before the first and after the last. */
export function segmentAt(segments: readonly Segment[], atMs: number): Segment | null {
  return segments.find(({ fromS, toS }) => atMs >= fromS * 1_000 && atMs < toS * 1_000) ?? null
}

/** Scheduled events per second at an offset from the epoch. */
export function rateAt(segment: Segment, atMs: number): number {
  const { fromS, toS, fromPerS, toPerS } = segment
  const done = Math.min(1, Math.max(0, (atMs / 1_000 - fromS) / (toS - fromS)))
  return fromPerS + (toPerS - fromPerS) * done
}
