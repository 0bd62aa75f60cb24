/** A server that cancels reads half-way, as a replica does whose replay goes first. */
import { setImmediate as turn } from 'node:timers/promises'
import { ReadCancelled } from '../../src/kit/cancelled-read.ts'

/** The first `times` readings end with an error behind their last batch: all of it has been given out by then. */
export function cancelledFirst<Batch>(
  times: number,
  rows: () => AsyncIterable<Batch>,
): () => AsyncGenerator<Batch> {
  let cancelled = 0
  return async function* () {
    yield* rows()
    await turn()
    if (cancelled++ < times) throw new ReadCancelled('cancelled by replay', 'ask again', null)
  }
}
