/**
 * Reading a replica whose replay goes first. It cancels statements that could still see what the primary has vacuumed away
 * (max_standby_streaming_delay), before their first row or after thousands; the harness's own are asked again. In: a read,
 * or what it threw. Out: its answer, or an error that says that replay cancelled it.
 */
import { ReadCancelled, readAgain } from '../../kit/cancelled-read.ts'
import { messageOf } from '../../kit/errors.ts'
import { sqlStateOf } from './sql-state.ts'

/** `canceling statement due to conflict with recovery`, and the same where both wait for one buffer. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01'])

/** What is no conflict comes back as it is. */
export function namedConflict(error: unknown): unknown {
  if (!CONFLICTS.has(sqlStateOf(error) ?? '')) return error
  return new ReadCancelled(
    `the server cancelled a read of the harness: ${messageOf(error)}`,
    'on a replica replay cancels reads that stand in its way: hot_standby_feedback: on, or a longer max_standby_streaming_delay',
    error,
  )
}

/** For what answers as a whole; rows that are streamed begin again where they are taken in. */
export function despiteConflicts<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  return readAgain(signal, async () => {
    try {
      return await read()
    } catch (error) {
      throw namedConflict(error)
    }
  })
}
