/** A stream's description in, the stream out: generated from a seed, or read from the user's own file. */
import { generateStream } from './billing/generated.ts'
import { openRecorded } from './billing/recorded.ts'
import type { EventStream, StreamSpec, TimeOfIndex } from './stream.ts'

/**
 * @param timeOfIndex event times of a generated stream; a recorded one keeps its own timestamps
 * @throws HeadroomError FILE_NOT_FOUND or BAD_INPUT, with file:line of what is wrong in a recorded file
 */
export async function openStream(spec: StreamSpec, timeOfIndex: TimeOfIndex): Promise<EventStream> {
  switch (spec.source) {
    case 'generated':
      return generateStream(spec, timeOfIndex)
    case 'recorded':
      return await openRecorded(spec)
  }
}
