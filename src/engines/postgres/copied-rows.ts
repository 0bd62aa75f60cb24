/**
 * Rows out of PostgreSQL through COPY, on a connection of their own that may not write. In: a COPY … TO STDOUT, or a
 * query. Out: the rows, streamed in batches; an abort, or a reader that stops early, cuts the session. Where replay cancels
 * it half-way, ReadCancelled says so.
 */
import { to as copyTo } from 'pg-copy-streams'
import type { PostgresAddress, StoredRows } from '../engine.ts'
import { storedRowsOf, textRowsOf } from '../stored-rows.ts'
import { connect, destroy } from './connection.ts'
import { namedConflict } from './recovery-conflict.ts'

/** @param copy of id, organization and value */
export function copiedRows(
  address: PostgresAddress,
  copy: string,
  signal: AbortSignal,
): AsyncGenerator<StoredRows> {
  return copied(address, { copy, rowsOf: storedRowsOf }, signal)
}

/** Every column as text; the query has none that is NULL. */
export function copiedTexts(
  address: PostgresAddress,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly string[])[]> {
  return copied(address, { copy: `COPY (${query}) TO STDOUT`, rowsOf: textRowsOf }, signal)
}

async function* copied<Rows>(
  address: PostgresAddress,
  {
    copy,
    rowsOf,
  }: {
    readonly copy: string
    readonly rowsOf: (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Rows>
  },
  signal: AbortSignal,
): AsyncGenerator<Rows> {
  signal.throwIfAborted()
  const client = await connect(address)
  const abort = (): void => {
    destroy(client)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.query('BEGIN READ ONLY')
    yield* rowsOf(client.query(copyTo(copy)))
    await client.end()
  } catch (error) {
    signal.throwIfAborted()
    throw namedConflict(error)
  } finally {
    signal.removeEventListener('abort', abort)
    // A reader that stopped early leaves the COPY unfinished: only cutting the session ends it.
    destroy(client)
  }
}
