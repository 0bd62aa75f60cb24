/** Batches into PostgreSQL, acknowledged after commit. In: events. Out: exactly which were there before. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { IngestEvent } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import { failureOf, isWorthRepeating } from './failure.ts'
import { arrayLiterals, copyRows } from './row-text.ts'
import {
  COPY_STAGING,
  CREATE_STAGING,
  INSERT_ONE,
  INSERT_STAGED,
  INSERT_UNNEST,
} from './statements.ts'

export interface PostgresWriterOptions {
  /** How more than one row travels; `auto` copies from `copyFromRows` on. A single row is always a plain INSERT. */
  readonly method: 'auto' | 'unnest' | 'copy'
  readonly copyFromRows: number
}

const ATTEMPTS_MAX = 3

export class PostgresWriter implements BatchWriter {
  readonly #pool: pg.Pool
  readonly #options: PostgresWriterOptions
  /** Connections that already have their staging table. */
  readonly #staged = new WeakSet<pg.PoolClient>()

  constructor(pool: pg.Pool, options: PostgresWriterOptions) {
    this.#pool = pool
    this.#options = options
  }

  async write(events: readonly IngestEvent[], signal: AbortSignal): Promise<Written> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      return failureOf(error, false)
    }
    const written = await orTimedOut(this.#attempt(client, events), signal)
    // After an unknown outcome the connection may still be at work: only a new one starts clean.
    client.release(written.state === 'unknown')
    return written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end()
  }

  /** Never rejects. A transaction that lost a deadlock was rolled back whole and goes again. */
  async #attempt(client: pg.PoolClient, events: readonly IngestEvent[]): Promise<Written> {
    for (let attempt = 1; ; attempt++) {
      try {
        return { state: 'stored', duplicates: await this.#insert(client, events) }
      } catch (error) {
        if (isWorthRepeating(error) && attempt < ATTEMPTS_MAX) continue
        return failureOf(error, true)
      }
    }
  }

  async #insert(client: pg.PoolClient, events: readonly IngestEvent[]): Promise<readonly number[]> {
    const [only] = events
    if (events.length === 1 && only !== undefined) return await insertOne(client, only)
    const { method, copyFromRows } = this.#options
    if (method === 'unnest' || (method === 'auto' && events.length < copyFromRows)) {
      const { rows } = await client.query<DuplicatesRow>({
        name: 'insert-unnest',
        text: INSERT_UNNEST,
        values: [...arrayLiterals(events)],
      })
      return rows[0]?.duplicates ?? []
    }
    return await this.#copy(client, events)
  }

  async #copy(client: pg.PoolClient, events: readonly IngestEvent[]): Promise<readonly number[]> {
    if (!this.#staged.has(client)) {
      await client.query(CREATE_STAGING)
      this.#staged.add(client)
    }
    await client.query('BEGIN')
    try {
      await pipeline(Readable.from([copyRows(events)]), client.query(copyFrom(COPY_STAGING)))
      const { rows } = await client.query<DuplicatesRow>({
        name: 'insert-staged',
        text: INSERT_STAGED,
      })
      await client.query('COMMIT')
      return rows[0]?.duplicates ?? []
    } catch (error) {
      // The first error is the one that tells; a rollback that fails only says that the connection is gone.
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}

interface DuplicatesRow {
  /** 0-based positions; null where all rows went in. */
  readonly duplicates: readonly number[] | null
}

async function insertOne(client: pg.PoolClient, event: IngestEvent): Promise<readonly number[]> {
  const { rowCount } = await client.query({
    name: 'insert-one',
    text: INSERT_ONE,
    values: [
      event.organizationId,
      event.transactionId,
      event.externalCustomerId,
      event.code,
      event.timestamp,
      event.properties,
      event.value,
    ],
  })
  return rowCount === 0 ? [0] : []
}

function orTimedOut(writing: Promise<Written>, signal: AbortSignal): Promise<Written> {
  return new Promise((resolve) => {
    const onAbort = (): void => {
      resolve({ state: 'unknown', because: 'PostgreSQL did not answer in time' })
    }
    signal.addEventListener('abort', onAbort, { once: true })
    void writing.then((written) => {
      signal.removeEventListener('abort', onAbort)
      resolve(written)
    })
  })
}
