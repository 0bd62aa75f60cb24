/** A stream's description in, the stream out, of its own shape: from a seed, or read from the user's own file. */
import { shapes } from './registry.ts'
import type {
  EventStream,
  RecordedStream,
  RecordedStreamSpec,
  StreamSpec,
  TimeOfIndex,
} from './stream.ts'

/**
 * @param timeOfIndex event times of a generated stream; a recorded one keeps its own timestamps
 * @throws HeadroomError FILE_NOT_FOUND or BAD_INPUT, with file:line of what is wrong in a recorded file
 */
export async function openStream(spec: StreamSpec, timeOfIndex: TimeOfIndex): Promise<EventStream> {
  switch (spec.source) {
    case 'generated':
      return shapes[spec.shape].generate(spec, timeOfIndex)
    case 'recorded':
      return await openRecorded(spec)
  }
}

/** @throws HeadroomError FILE_NOT_FOUND or BAD_INPUT, with file:line of what is wrong */
export async function openRecorded(spec: RecordedStreamSpec): Promise<RecordedStream> {
  return await shapes[spec.shape].openRecorded(spec)
}
