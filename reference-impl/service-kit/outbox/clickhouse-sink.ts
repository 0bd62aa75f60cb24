/** Delivers to ClickHouse: one INSERT per batch, into the table of the consumer, under the batch's own token. */
import type { ClickHouseClient } from '@clickhouse/client'
import { insertRows } from '../clickhouse/insert-rows.ts'
import type { OutboxRow } from './queue.ts'
import type { Sink, SinkAnswer, SinkBatch } from './sink.ts'

export class ClickHouseSink implements Sink {
  readonly #client: ClickHouseClient
  readonly #tableOf: (consumer: number) => string

  constructor(client: ClickHouseClient, tableOf: (consumer: number) => string) {
    this.#client = client
    this.#tableOf = tableOf
  }

  async deliver({ consumer, rows, token }: SinkBatch, signal: AbortSignal): Promise<SinkAnswer> {
    const written = await insertRows(this.#client, [Buffer.from(linesOf(rows), 'utf8')], {
      token,
      signal,
      table: this.#tableOf(consumer),
    })
    switch (written.state) {
      case 'stored':
        return { state: 'delivered' }
      case 'bad-data':
        return { state: 'bad-data', because: written.because }
      case 'refused':
      case 'unknown':
        return { state: 'away', because: written.because }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

/** The payload is a line of JSONEachRow; the row's id goes in behind its opening brace. */
function linesOf(rows: readonly OutboxRow[]): string {
  return rows.map(({ id, payload }) => `{"outbox_id":${id},${payload.slice(1)}\n`).join('')
}
