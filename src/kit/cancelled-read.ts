/**
 * A read that its server cancelled for reasons of its own, half-way if it so happens. In: a read that can begin again from
 * nothing. Out: its answer, or its last refusal. Whoever folds rows into something reads and folds in here: rows that were
 * taken already cannot be taken back.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { HeadroomError } from './errors.ts'

/** Autovacuum comes to a table once a second at most: so many in a row are no accident. */
const TRIES_MAX = 10
const PAUSE_MS = 200

/** Nothing is wrong with what was asked: it may be answered the next time. */
export class ReadCancelled extends HeadroomError {
  constructor(message: string, hint: string, cause: unknown) {
    super('ENGINE_NOT_READY', message, { hint, cause })
    this.name = 'ReadCancelled'
  }
}

/** @throws ReadCancelled once it was asked often enough */
export async function readAgain<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted()
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof ReadCancelled) || tries === TRIES_MAX) throw error
      await delay(PAUSE_MS, undefined, { signal })
    }
  }
}
