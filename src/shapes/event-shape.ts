/** What the folder of a shape exports: events of one kind as streams, from a seed or from the user's own file. */
import type {
  EventStream,
  GeneratedStreamSpec,
  RecordedStream,
  RecordedStreamSpec,
  TimeOfIndex,
} from './stream.ts'

export interface EventShape {
  /** A pure function of (seed, index), in O(1). */
  generate(spec: GeneratedStreamSpec, timeOfIndex: TimeOfIndex): EventStream
  /** @throws HeadroomError FILE_NOT_FOUND; BAD_INPUT with the first malformed lines */
  openRecorded(spec: RecordedStreamSpec): Promise<RecordedStream>
}
