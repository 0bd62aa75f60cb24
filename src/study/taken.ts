/**
 * What nobody waits for any more after a fault. In: the audit, and how many events each store ever showed. Out: by store, the
 * acknowledged events that died, excused by its promise, before anybody could read them.
 */
import type { FreshnessSummary } from '../collect/freshness.ts'
import type { Taken } from '../collect/recovery.ts'
import type { Audit } from '../results/audit-record.ts'

export function takenFrom(
  audit: Audit | null,
  freshness: readonly Pick<FreshnessSummary, 'store' | 'seenEvents'>[],
): readonly Taken[] {
  return (audit?.stores ?? []).flatMap(({ store, acceptedEvents, lostEvents, restored }) => {
    const seen = freshness.find((one) => one.store === store)
    if (restored === undefined || seen === undefined) return []
    // What was readable before it died was no backlog then, and is none now.
    const neverSeen = Math.max(0, acceptedEvents - seen.seenEvents)
    const events = Math.min(lostEvents - restored.beyondEvents, neverSeen)
    return [{ store, events, by: restored.restores.map(({ killed }) => killed ?? null) }]
  })
}
