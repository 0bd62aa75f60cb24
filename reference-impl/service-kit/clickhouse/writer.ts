/**
 * Batches into ClickHouse, each one INSERT. In: events. Out: whether they are in an active part. ClickHouse does not say
 * which rows it had before, so no position is ever reported as a duplicate here.
 */
import { randomUUID } from 'node:crypto'
import type { ClickHouseClient } from '@clickhouse/client'
import type { Deadline } from '../deadline.ts'
import type { IngestEvent } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import { insertRows } from './insert-rows.ts'
import { jsonRows } from './json-rows.ts'

export interface ClickHouseWriterOptions {
  /** How often an insert of unknown outcome is sent; its token lets the table drop the second copy of a block. */
  readonly attemptsMax: number
}

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
      const again = await insertRows(this.#client, jsonRows(events), {
        token,
        signal: deadline.signal,
      })
      // Once a copy may be there, only a success settles it: a later refusal says nothing about the first attempt.
      if (again.state === 'stored' || attempt === 1) written = again
      if (written.state !== 'unknown') break
    }
    return written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}
