/**
 * Requests that nobody answered and of which a store holds some events and lacks others (mission-map H23): what a writer leaves
 * behind that died between two statements of one batch. In: what was sent and what is stored. Out: each by its first event.
 */
import type { IndexBits } from './index-bits.ts'
import type { SentEvents } from './sent-events.ts'

export interface HalfStoredInput {
  readonly stored: IndexBits
  readonly sent: SentEvents
  readonly batchEvents: number
}

/** Ascending. Events that another request repeats say nothing of their own request, and do not count. */
export function halfStored({ stored, sent, batchEvents }: HalfStoredInput): number[] {
  const { events, unknown, repeated } = sent
  if (batchEvents < 2 || unknown.count() === 0) return []
  const found: number[] = []
  for (let first = 0; first < events; first += batchEvents) {
    let [there, missing] = [0, 0]
    for (let index = first; index < Math.min(first + batchEvents, events); index++) {
      if (!unknown.has(index) || repeated.has(index)) continue
      if (stored.has(index)) there++
      else missing++
    }
    if (there > 0 && missing > 0) found.push(first)
  }
  return found
}
