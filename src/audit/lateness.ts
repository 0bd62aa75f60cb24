/**
 * When the late events were due. In: outcomes and due times by event index, and what each segment calls slow and late.
 * Out: counts per short stretch of time, so that lateness can be laid beside whatever else happened.
 */
import type { LatenessBins } from '../collect/query-overlap.ts'
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES } from '../drive/job.ts'
import { rangesOf } from './freshness.ts'
import type { OutcomeReader } from './outcomes.ts'

/** Short beside a query that anybody notices, long enough to hold events at a modest rate. */
const BIN_MS = 50
/** A step of an hour gets longer bins instead of more. */
const BINS_MAX = 20_000

export interface LatenessSegment {
  readonly fromMs: number
  readonly toMs: number
  readonly dueEvents: number
  /** What is slow for this segment, µs; null: not known. */
  readonly slowUs: number | null
}

export interface LatenessJoin {
  readonly outcomes: OutcomeReader
  /** Ms after the epoch at which the event was due. */
  readonly dueMs: (index: number) => number
  readonly segments: readonly LatenessSegment[]
  /** An event that took longer, or was never accepted, is late. */
  readonly limitMs: number
  readonly signal: AbortSignal
}

interface Filling extends LatenessBins {
  readonly dueEvents: Uint32Array
  readonly slowEvents: Uint32Array
  readonly lateEvents: Uint32Array
}

/** One set of bins per segment, in their order. */
export async function latenessBySegment(join: LatenessJoin): Promise<readonly LatenessBins[]> {
  const bins = join.segments.map((segment) => emptyBins(segment, join.limitMs))
  const ends = rangesOf(join.segments).map(({ toIndex }) => toIndex)
  let at = 0
  for await (const block of join.outcomes.blocks(join.signal)) {
    for (let event = 0; event < block.outcomes.length; event++) {
      const index = block.firstIndex + event
      while (index >= (ends[at] ?? Infinity)) at++
      const [into, segment] = [bins[at], join.segments[at]]
      if (into === undefined || segment === undefined) return bins
      const dueMs = join.dueMs(index)
      const tookMs = answeredAtMs(block.outcomes[event], block.ackUnits[event]) - dueMs
      count(into, { dueMs, tookMs, slowUs: segment.slowUs })
    }
  }
  return bins
}

/** Infinity for what was never accepted. */
function answeredAtMs(outcome: number | undefined, ackUnits = NO_ACK): number {
  const accepted = outcome === OUTCOME_CODES.accepted || outcome === OUTCOME_CODES.duplicate
  return accepted && ackUnits !== NO_ACK ? (ackUnits * ACK_UNIT_US) / 1e3 : Infinity
}

function emptyBins(segment: LatenessSegment, limitMs: number): Filling {
  const lengthMs = Math.max(0, segment.toMs - segment.fromMs)
  const binMs = Math.max(BIN_MS, Math.ceil(lengthMs / BINS_MAX))
  const bins = Math.max(1, Math.ceil(lengthMs / binMs))
  return {
    fromMs: segment.fromMs,
    binMs,
    limitMs,
    dueEvents: new Uint32Array(bins),
    slowEvents: new Uint32Array(bins),
    lateEvents: new Uint32Array(bins),
  }
}

function count(
  into: Filling,
  event: { readonly dueMs: number; readonly tookMs: number; readonly slowUs: number | null },
): void {
  const last = into.dueEvents.length - 1
  const bin = Math.min(last, Math.max(0, Math.floor((event.dueMs - into.fromMs) / into.binMs)))
  add(into.dueEvents, bin)
  if (event.slowUs !== null && event.tookMs > event.slowUs / 1e3) add(into.slowEvents, bin)
  if (event.tookMs > into.limitMs) add(into.lateEvents, bin)
}

function add(counts: Uint32Array, bin: number): void {
  counts[bin] = (counts[bin] ?? 0) + 1
}
