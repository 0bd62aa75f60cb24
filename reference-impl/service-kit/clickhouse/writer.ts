/**
 * Batches into ClickHouse, each one INSERT. In: events. Out: whether they are in an active part. ClickHouse does not say
 * which rows it had before, so no position is ever reported as a duplicate here.
 */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import type { Deadline } from '../deadline.ts'
import type { IngestEvent } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import { failureOf } from './failure.ts'
import { jsonRows } from './json-rows.ts'

export interface ClickHouseWriterOptions {
  /** How often an insert of unknown outcome is sent; its token lets the table drop the second copy of a block. */
  readonly attemptsMax: number
}

export const RAW_TABLE = 'events_raw'

export class ClickHouseWriter implements BatchWriter {
  readonly #client: ClickHouseClient
  readonly #options: ClickHouseWriterOptions

  constructor(client: ClickHouseClient, options: ClickHouseWriterOptions) {
    this.#client = client
    this.#options = options
  }

  async write(events: readonly IngestEvent[], deadline: Deadline): Promise<Written> {
    const token = randomUUID()
    let written: Written = { state: 'unknown', because: 'ClickHouse did not answer in time' }
    for (let attempt = 1; attempt <= this.#options.attemptsMax && !deadline.expired; attempt++) {
      const again = await this.#insert(events, { token, signal: deadline.signal })
      // Once a copy may be there, only a success settles it: a later refusal says nothing about the first attempt.
      if (again.state === 'stored' || attempt === 1) written = again
      if (written.state !== 'unknown') break
    }
    return written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }

  async #insert(
    events: readonly IngestEvent[],
    { token, signal }: { readonly token: string; readonly signal: AbortSignal },
  ): Promise<Written> {
    try {
      const { stream } = await this.#client.exec({
        query: `INSERT INTO ${RAW_TABLE} FORMAT JSONEachRow`,
        values: Readable.from(jsonRows(events), { objectMode: false }),
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
}
