/**
 * How long acknowledged events took to become readable. In: ack times and first-seen times by event index. Out: one
 * histogram per range of events; an event that was never seen is infinite.
 */
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES } from '../drive/job.ts'
import { Histogram } from '../kit/histogram.ts'
import type { EventStream } from '../shapes/stream.ts'
import type { OutcomeBlock, OutcomeReader } from './outcomes.ts'
import type { SeenLogFile } from './seen-log.ts'

export { openSeenLog, type SeenLogFile } from './seen-log.ts'

/** Events that were due in one segment: from `fromIndex` up to but not including `toIndex`. */
export interface EventRange {
  readonly fromIndex: number
  readonly toIndex: number
}

/** Segments' due events stand one behind the other in the index. */
export function rangesOf(segments: readonly { readonly dueEvents: number }[]): EventRange[] {
  let next = 0
  return segments.map(({ dueEvents }) => {
    const fromIndex = next
    next += dueEvents
    return { fromIndex, toIndex: next }
  })
}

export interface FreshnessJoin {
  readonly outcomes: OutcomeReader
  readonly seen: Pick<SeenLogFile, 'seenUs'>
  readonly stream: Pick<EventStream, 'canonicalOf'>
  /** Ascending and without overlap. */
  readonly ranges: readonly EventRange[]
  readonly signal: AbortSignal
}

/**
 * Ack to first seen, µs, in the order of `ranges`. A deliberate repeat has no freshness of its own; an event seen
 * before its ack arrived counts as 0.
 */
export async function freshnessByRange(join: FreshnessJoin): Promise<readonly Histogram[]> {
  const histograms = join.ranges.map(() => new Histogram())
  let at = 0
  for await (const block of join.outcomes.blocks(join.signal)) {
    for (let event = 0; event < block.outcomes.length; event++) {
      const index = block.firstIndex + event
      while (index >= (join.ranges[at]?.toIndex ?? Infinity)) at++
      const histogram = histograms[at]
      if (histogram === undefined) return histograms
      if (index >= (join.ranges[at]?.fromIndex ?? 0)) recordOne(join, block, { event, histogram })
    }
  }
  return histograms
}

function recordOne(
  { seen, stream }: FreshnessJoin,
  block: OutcomeBlock,
  { event, histogram }: { readonly event: number; readonly histogram: Histogram },
): void {
  const outcome = block.outcomes[event]
  if (outcome !== OUTCOME_CODES.accepted && outcome !== OUTCOME_CODES.duplicate) return
  const ackUnits = block.ackUnits[event] ?? NO_ACK
  const index = block.firstIndex + event
  if (ackUnits === NO_ACK || stream.canonicalOf(index) !== index) return
  const seenUs = seen.seenUs(index)
  if (seenUs === null) histogram.recordInfinite(1)
  else histogram.record(Math.max(0, seenUs - ackUnits * ACK_UNIT_US))
}
