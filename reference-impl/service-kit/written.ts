/** What became of a batch, as a value: a writer never throws, because "unknown" must not be mistaken for "failed". */
import type { Deadline } from './deadline.ts'
import type { IngestEvent } from './event.ts'

export type Written =
  /**
   * Committed. `duplicates` are positions whose identity was already there, `underWay` those that somebody else is writing:
   * of these nothing is stored by this writer. Absent: none.
   */
  | {
      readonly state: 'stored'
      readonly duplicates: readonly number[]
      readonly underWay?: readonly number[]
    }
  /** Nothing of it is stored: the store is down, full or overloaded. */
  | { readonly state: 'refused'; readonly because: string; readonly backoff: boolean }
  /** Nothing of it is stored, and some item is to blame. */
  | { readonly state: 'bad-data'; readonly because: string }
  /** The store did not answer in time or the connection broke: it may or may not be stored. */
  | { readonly state: 'unknown'; readonly because: string }

export interface BatchWriter<Event = IngestEvent> extends AsyncDisposable {
  /** Resolves, never rejects. Past its deadline it must resolve soon, with `unknown` where the store may have it. */
  write(events: readonly Event[], deadline: Deadline): Promise<Written>
}

/** Position of an item in its request, and why no store would take it. */
export interface Refusal {
  readonly index: number
  readonly reason: string
}

/** What becomes of one request. */
export type Answer =
  | {
      readonly state: 'stored'
      readonly duplicates: readonly number[]
      readonly rejected: readonly Refusal[]
      /** What a read must carry to see this, where copies of the store lag; absent: any read does. */
      readonly token?: string
    }
  | { readonly state: 'refused'; readonly because: string }
  | { readonly state: 'unknown'; readonly because: string }

export const ALL_ACCEPTED: Answer = { state: 'stored', duplicates: [], rejected: [] }
