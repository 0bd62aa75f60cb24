/**
 * What the edge must know of a shape of events. In: one parsed JSON value of a request, or the identity in a path. Out: an
 * event that every store of the service can hold, or the reason why not. One door per shape: billing's is in event.ts.
 */
import type { EventColumns } from '../../src/shapes/event-columns.ts'

export type ReadEvent<Event> =
  { readonly ok: true; readonly event: Event } | { readonly ok: false; readonly reason: string }

export interface Door<Event> {
  /** How parameters name the identity. */
  readonly columns: Pick<EventColumns, 'source' | 'id'>
  readonly read: (value: unknown) => ReadEvent<Event>
  /** What makes two events the same one. */
  readonly identityOf: (event: Event) => string
}

export function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}
