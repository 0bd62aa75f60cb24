/**
 * What a store may and must hold. In: outcomes of every due event. Out: sets of original indexes: acknowledged ones
 * must be stored, unanswered ones may be, refused and dropped ones must not.
 */
import { OUTCOME_CODES } from '../drive/job.ts'
import type { EventStream } from '../shapes/stream.ts'
import { IndexBits, or, without } from './index-bits.ts'
import type { OutcomeReader } from './outcomes.ts'

export interface SentEvents {
  /** Events 0…n−1 were due. */
  readonly events: number
  /** Answered accepted or duplicate: either says that the event is safe. */
  readonly acknowledged: IndexBits
  /** Sent, never answered, and not acknowledged through a repeat either. */
  readonly unknown: IndexBits
  /** Answered with a refusal, and neither acknowledged nor unknown through a repeat. */
  readonly refused: IndexBits
  /** Due once more by another index, whatever was answered. */
  readonly repeated: IndexBits
}

export async function foldOutcomes(
  outcomes: OutcomeReader,
  stream: Pick<EventStream, 'canonicalOf'>,
  signal: AbortSignal,
): Promise<SentEvents> {
  const { events } = outcomes
  const acknowledged = new IndexBits(events)
  const unknown = new IndexBits(events)
  const refused = new IndexBits(events)
  const repeated = new IndexBits(events)
  const setOf = (code: number): IndexBits | null => {
    switch (code) {
      case OUTCOME_CODES.accepted:
      case OUTCOME_CODES.duplicate:
        return acknowledged
      case OUTCOME_CODES.unknown:
        return unknown
      case OUTCOME_CODES.rejected:
      case OUTCOME_CODES.shed:
        return refused
      default:
        // Dropped or never due: nothing was sent.
        return null
    }
  }
  for await (const block of outcomes.blocks(signal)) {
    for (let event = 0; event < block.outcomes.length; event++) {
      const index = block.firstIndex + event
      const canonical = stream.canonicalOf(index)
      setOf(block.outcomes[event] ?? 0)?.add(canonical)
      if (canonical !== index) repeated.add(canonical)
    }
  }
  unknown.combine(acknowledged, without)
  refused.combine(acknowledged.clone().combine(unknown, or), without)
  return { events, acknowledged, unknown, refused, repeated }
}
