/** A stream's description in, the stream out: generated from a seed, or read from the user's own file. */
import { generateStream } from './billing/generated.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { EventStream, StreamSpec, TimeOfIndex } from './stream.ts'

/**
 * @param timeOfIndex event times of a generated stream; a recorded one keeps its own timestamps
 * @throws HeadroomError FILE_NOT_FOUND or BAD_INPUT, with file:line of what is wrong in a recorded file
 */
// eslint-disable-next-line @typescript-eslint/require-await
export async function openStream(spec: StreamSpec, timeOfIndex: TimeOfIndex): Promise<EventStream> {
  switch (spec.source) {
    case 'generated':
      return generateStream(spec, timeOfIndex)
    case 'recorded':
      throw new HeadroomError('BAD_INPUT', 'recorded replay is not built yet')
  }
}
