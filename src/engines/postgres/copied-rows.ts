/**
 * Rows out of PostgreSQL through COPY, on a connection of their own that may not write. In: a COPY … TO STDOUT of id,
 * organization and value. Out: the rows, streamed in batches; an abort, or a reader that stops early, cuts the session.
 */
import { to as copyTo } from 'pg-copy-streams'
import type { PostgresAddress, StoredRows } from '../engine.ts'
import { storedRowsOf } from '../stored-rows.ts'
import { connect, destroy } from './connection.ts'

export async function* copiedRows(
  address: PostgresAddress,
  copy: string,
  signal: AbortSignal,
): AsyncGenerator<StoredRows> {
  signal.throwIfAborted()
  const client = await connect(address)
  const abort = (): void => {
    destroy(client)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.query('BEGIN READ ONLY')
    yield* storedRowsOf(client.query(copyTo(copy)))
    await client.end()
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
    // A reader that stopped early leaves the COPY unfinished: only cutting the session ends it.
    destroy(client)
  }
}
