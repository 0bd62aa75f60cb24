/**
 * How the harness learns what a target has stored. Reference implementations open their stores; a service of the user's
 * own is audited by a statement of his, through the service's own reads, or not at all, and then nothing is called proven.
 */
import type { StoredRows } from '../engines/engine.ts'

export type Evidence =
  /** Every row of `RunningArchitecture.stores`. */
  | { readonly by: 'stores' }
  | { readonly by: 'statement'; readonly store: StatementStore; readonly settleS: number }
  | { readonly by: 'reads'; readonly reader: PointReader; readonly settleS: number }
  | { readonly by: 'none'; readonly because: string }

/** Rows that a user's statement gives out: other people's rows may be among them. */
export interface StatementStore {
  readonly name: string
  /** Whether the statement yields the column: what it does not yield cannot be compared. */
  readonly yields: { readonly organization: boolean; readonly value: boolean }
  /**
   * Throws HeadroomError BAD_INPUT when the server refuses the statement while it gives out its rows, ReadCancelled when it
   * cancels it and may well answer the next time.
   */
  rows(signal: AbortSignal): AsyncIterable<StoredRows>
}

/** Asks for one event at a time; what nobody asks for stays unseen. */
export interface PointReader {
  readonly name: string
  /** Events asked for at most: drawn at random from what was acknowledged; Infinity asks for all. */
  readonly eventsMax: number
  /** What has not been asked by then stays unasked; those that were missing may be asked for once more as long. */
  readonly withinS: number
  /** Questions in flight at a time. */
  readonly concurrency: number
  readonly comparesValues: boolean
  /** Rejects when the service cannot be asked at all; one failed question is `unanswered`. */
  read(event: AskedEvent, signal: AbortSignal): Promise<ReadAnswer>
}

export interface AskedEvent {
  readonly organizationId: string
  readonly transactionId: string
}

export type ReadAnswer =
  /** `value`: NaN where the answer holds none though it should; then `because` says where it was looked for. */
  | { readonly kind: 'found'; readonly value: number | null; readonly because?: string }
  /** `because`: the answer that the target calls missing. */
  | { readonly kind: 'missing'; readonly because?: string }
  | { readonly kind: 'unanswered'; readonly because: string }
