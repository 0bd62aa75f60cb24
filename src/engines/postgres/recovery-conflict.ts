/**
 * Reading a replica whose replay goes first. It cancels statements that could still see what the primary has vacuumed away
 * (max_standby_streaming_delay); the harness's own are asked again. In: a read. Out: its answer, or its last refusal.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { sqlStateOf } from './sql-state.ts'

/** `canceling statement due to conflict with recovery`, and the same where both wait for one buffer. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01'])
/** Autovacuum comes to a table once a second at most: so many in a row are no accident. */
const TRIES_MAX = 10
const PAUSE_MS = 200

export async function despiteConflicts<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await read()
    } catch (error) {
      const isConflict = CONFLICTS.has(sqlStateOf(error) ?? '')
      if (!isConflict || tries === TRIES_MAX) throw error
      await delay(PAUSE_MS, undefined, { signal })
    }
  }
}

/** Begun again as long as nothing came of it: what was read cannot be taken back. */
export async function* rowsDespiteConflicts<T>(
  signal: AbortSignal,
  read: () => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const begun = await despiteConflicts(signal, async () => {
    const rows = read()
    return { rows, first: await rows.next() }
  })
  if (begun.first.done === true) return
  yield begun.first.value
  yield* begun.rows
}
