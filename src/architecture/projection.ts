/**
 * What an architecture keeps of the latest event of each key, beside its stores. In: an event as it was sent. Out: what has
 * to be shown of it. The audit makes the whole anew from what was acknowledged, and compares it with what is shown.
 */
import type { StoringKind } from '../engines/engine.ts'

export interface Projection {
  /** `postgres.entity_jsonb`; a promise of that name says what it survives. */
  readonly name: string
  /** What it is kept in. */
  readonly engine: StoringKind
  /** Null: nothing of this event is shown. @param event its JSON, parsed */
  shownBy(event: Readonly<Record<string, unknown>>): Shown | null
  /**
   * Waits until it shows what was stored when it was asked. Absent: it does so at once.
   * @returns null, or a sentence without a full stop that says why it never came to that: then nothing of it is compared
   */
  caughtUp?(signal: AbortSignal): Promise<string | null>
  /** Everything that is shown, streamed, each key once. */
  rows(signal: AbortSignal): AsyncIterable<readonly Shown[]>
}

export interface Shown {
  readonly key: string
  /** Of the writes of a key the one with the greatest version is shown, by the order of its UTF-8 bytes; unique in a run. */
  readonly version: string
  readonly value: string
}
