/** One INSERT of JSONEachRow text. In: pieces of it and a token. Out: whether the rows are in an active part. */
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import type { Written } from '../written.ts'
import { failureOf } from './failure.ts'

export const RAW_TABLE = 'events_raw'

export interface InsertOptions {
  /** The same for the same rows: lets the table drop a block that it already has. */
  readonly token: string
  readonly signal: AbortSignal
  /** Absent: RAW_TABLE. */
  readonly table?: string
}

/** Never rejects. */
export async function insertRows(
  client: ClickHouseClient,
  pieces: Iterable<Buffer>,
  { token, signal, table = RAW_TABLE }: InsertOptions,
): Promise<Written> {
  try {
    const { stream } = await client.exec({
      query: `INSERT INTO ${table} FORMAT JSONEachRow`,
      values: Readable.from(pieces, { objectMode: false }),
      abort_signal: signal,
      clickhouse_settings: {
        // Batches are made here; on by default since 26.2 it would add a second queue with another meaning of the ack.
        async_insert: 0,
        wait_end_of_query: 1,
        date_time_input_format: 'best_effort',
        insert_deduplicate: 1,
        insert_deduplication_token: token,
      },
    })
    // A connection is used again once its answer is read to the end.
    await finished(stream.resume())
    return { state: 'stored', duplicates: [] }
  } catch (error) {
    return failureOf(error)
  }
}
