/**
 * Batches into ClickHouse, each one INSERT. In: events. Out: whether they are in an active part. ClickHouse does not say
 * which rows it had before, so no position is ever reported as a duplicate here.
 */
import { randomUUID } from 'node:crypto'
import type { ClickHouseClient } from '@clickhouse/client'
import type { Deadline } from '../deadline.ts'
import type { IngestEvent } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import { failureOf } from './failure.ts'

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
    const values = events.map(rowOf)
    let written: Written = { state: 'unknown', because: 'ClickHouse did not answer in time' }
    for (let attempt = 1; attempt <= this.#options.attemptsMax && !deadline.expired; attempt++) {
      const again = await this.#insert(values, { token, signal: deadline.signal })
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
    values: readonly ClickHouseRow[],
    { token, signal }: { readonly token: string; readonly signal: AbortSignal },
  ): Promise<Written> {
    try {
      await this.#client.insert({
        table: RAW_TABLE,
        values,
        format: 'JSONEachRow',
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
      return { state: 'stored', duplicates: [] }
    } catch (error) {
      return failureOf(error)
    }
  }
}

interface ClickHouseRow {
  readonly organization_id: string
  readonly transaction_id: string
  readonly external_customer_id: string
  readonly code: string
  readonly timestamp: string
  readonly properties: string
  readonly value: number | null
  readonly decimal_value: string | null
}

function rowOf(event: IngestEvent): ClickHouseRow {
  return {
    organization_id: event.organizationId,
    transaction_id: event.transactionId,
    external_customer_id: event.externalCustomerId,
    code: event.code,
    timestamp: event.timestamp,
    properties: event.properties,
    value: event.value === null ? null : Number(event.value),
    decimal_value: event.value,
  }
}
