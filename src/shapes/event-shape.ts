/** What the folder of a shape exports: what its events are called and made of, as streams from a seed or a user's own file. */
import type { z } from 'zod'
import type { EntityWrite } from './entity-write.ts'
import type { EventColumns } from './event-columns.ts'
import type { MappedField } from './recorded/mapping.ts'
import type {
  EventStream,
  GeneratedStreamSpec,
  RecordedStream,
  RecordedStreamSpec,
  TimeOfIndex,
} from './stream.ts'

export interface EventShape {
  /** Every field that an event's JSON may have. */
  readonly fields: readonly string[]
  /** What a table of these events calls its columns. */
  readonly columns: EventColumns
  /** What `rate.mapping` of a recorded scenario may name. */
  readonly mapped: readonly MappedField[]
  /** What `shapeSettings` of a scenario may say. */
  readonly settings: z.ZodType
  /**
   * What a reader of its entity must be shown as soon as the event is acknowledged; null of an event that may come later.
   * Absent: events of this shape are about no entity.
   */
  readonly entityWrite?: (event: Readonly<Record<string, unknown>>) => EntityWrite | null
  /** A pure function of (seed, index), in O(1). */
  generate(spec: GeneratedStreamSpec, timeOfIndex: TimeOfIndex): EventStream
  /** @throws HeadroomError FILE_NOT_FOUND; BAD_INPUT with the first malformed lines */
  openRecorded(spec: RecordedStreamSpec): Promise<RecordedStream>
}
