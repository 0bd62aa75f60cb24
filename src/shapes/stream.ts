/**
 * A deterministic stream of events. Event `i` is a pure function of (spec, i) in O(1): workers and machines split the
 * index range without talking to each other, and the audit knows what must be stored without keeping what was sent.
 */
import type { EventPopulation, ShapeName, ShapeSettings } from '../scenario/scenario.ts'
import type { Mapping } from './recorded/mapping.ts'

/** Rows loaded before the run use indexes from here on, so they never meet the run's own. */
export const PRELOAD_BASE_INDEX = 2 ** 40
/** Indexes fit in 48 bits. */
export const INDEX_LIMIT = 2 ** 48

export interface GeneratedStreamSpec {
  readonly source: 'generated'
  readonly shape: ShapeName
  readonly seed: number
  readonly events: EventPopulation
  /** As the scenario gives them; absent: the shape's own defaults. */
  readonly shapeSettings?: ShapeSettings
  /**
   * Short text of letters and digits that makes every identifier this run's own, and nothing else of it: a store of the
   * user's own keeps what earlier runs of the same seed sent. Absent: a fresh store needs none.
   */
  readonly identifierMark?: string
}

export interface RecordedStreamSpec {
  readonly source: 'recorded'
  readonly shape: ShapeName
  /** Absolute path. */
  readonly file: string
  readonly format: 'ndjson' | 'csv'
  readonly mapping: Mapping
}
export type StreamSpec = GeneratedStreamSpec | RecordedStreamSpec

/** Event time of index `i` in epoch milliseconds: the run's recorded epoch plus the event's due offset. */
export type TimeOfIndex = (index: number) => number

export interface EventStream {
  /** Number of distinct indexes; Infinity for a generated stream. */
  readonly eventCount: number
  /** No event's JSON or COPY text is longer. */
  readonly maxEventBytes: number
  /**
   * Writes the event's JSON (one object, no newline) at `offset`; returns the offset behind it. May write over anything
   * up to `maxEventBytes` behind `offset`: events are written first to last.
   */
  writeJson(index: number, target: Buffer, offset: number): number
  /** The same, as one COPY text row with its newline, in the order of its shape's `columns.copy`. */
  writeCopyRow(index: number, target: Buffer, offset: number): number
  /** The index whose identity and bytes event `index` repeats: itself, unless the event is a deliberate duplicate. */
  canonicalOf(index: number): number
  /** The pair that identifies the event in every store. */
  sourceOf(index: number): string
  idOf(index: number): string
  /**
   * The canonical index with this identity, or null when no event of this stream has it.
   * @param source null where a store does not keep it: then the id alone decides, which a recorded stream cannot do
   */
  indexOf(source: string | null, id: string): number | null
  /** The value as it is sent. */
  valueAt(index: number): number
  /** value × 64 as an integer: sums of values are exact in any order. Rounded where a user's own value has finer parts. */
  value64Of(index: number): number
  /** Event time in epoch ms, late and out-of-order shares applied. */
  timeMsOf(index: number): number
}

/** The user's own events, in order of recorded time. Closing it closes the file. */
export interface RecordedStream extends EventStream, Disposable {
  /** When each event happened, epoch ms, ascending: what drives a schedule at recorded pace. */
  readonly recordedTimesMs: Float64Array
  /** Events whose identity an earlier one has already: they are sent as that one's identical bytes. */
  readonly repeatedEvents: number
}
