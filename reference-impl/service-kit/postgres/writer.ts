/** Batches into PostgreSQL, acknowledged after commit. In: events. Out: exactly which were there before. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Deadline } from '../deadline.ts'
import type { IngestEvent } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import { failureOf, isWorthRepeating } from './failure.ts'
import { InsertOne, type Inserted } from './insert-one.ts'
import type { Lanes } from './lanes.ts'
import { arrayLiterals, copyRows } from './row-text.ts'
import { COPY_STAGING, CREATE_STAGING, INSERT_STAGED, INSERT_UNNEST } from './statements.ts'

export interface PostgresWriterOptions {
  /** How more than one row travels; `auto` copies from `copyFromRows` on. A single row is always a plain INSERT. */
  readonly method: 'auto' | 'unnest' | 'copy'
  readonly copyFromRows: number
}

const ATTEMPTS_MAX = 3
const STORED: Written = { state: 'stored', duplicates: [] }
const DUPLICATE: Written = { state: 'stored', duplicates: [0] }
const LATE: Written = { state: 'unknown', because: 'PostgreSQL did not answer in time' }

export class PostgresWriter implements BatchWriter {
  readonly #lanes: Lanes
  readonly #options: PostgresWriterOptions
  /** Connections that already have their staging table. */
  readonly #staged = new WeakSet<pg.Client>()

  constructor(lanes: Lanes, options: PostgresWriterOptions) {
    this.#lanes = lanes
    this.#options = options
  }

  write(events: readonly IngestEvent[], deadline: Deadline): Promise<Written> {
    const client = this.#lanes.takeIdle()
    return client === null
      ? this.#connectAndWrite(events, deadline)
      : this.#writeOn(client, events, deadline)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lanes[Symbol.asyncDispose]()
  }

  async #connectAndWrite(events: readonly IngestEvent[], deadline: Deadline): Promise<Written> {
    let client: pg.Client
    try {
      client = await this.#lanes.connect()
    } catch (error) {
      return failureOf(error, false)
    }
    return await this.#writeOn(client, events, deadline)
  }

  async #writeOn(
    client: pg.Client,
    events: readonly IngestEvent[],
    deadline: Deadline,
  ): Promise<Written> {
    const [only] = events
    const written = await (events.length === 1 && only !== undefined
      ? this.#writeOne(client, only, deadline)
      : orExpired(this.#attempt(client, events), deadline))
    if (written.state === 'unknown') this.#lanes.discard(client)
    else this.#lanes.giveBack(client)
    return written
  }

  /** Never rejects. The usual request of one event takes one promise here, not one per layer. */
  #writeOne(client: pg.Client, event: IngestEvent, deadline: Deadline): Promise<Written> {
    return new Promise((resolve) => {
      deadline.whenExpired(() => {
        resolve(LATE)
      })
      let attempt = 1
      const done = (inserted: Inserted): void => {
        if (inserted.state === 'failed') {
          if (isWorthRepeating(inserted.error) && attempt < ATTEMPTS_MAX && !deadline.expired) {
            attempt++
            client.query(new InsertOne(event, done))
            return
          }
          deadline.whenExpired(null)
          resolve(failureOf(inserted.error, true))
          return
        }
        deadline.whenExpired(null)
        resolve(inserted.state === 'inserted' ? STORED : DUPLICATE)
      }
      client.query(new InsertOne(event, done))
    })
  }

  /** Never rejects. A transaction that lost a deadlock was rolled back whole and goes again. */
  async #attempt(client: pg.Client, events: readonly IngestEvent[]): Promise<Written> {
    for (let attempt = 1; ; attempt++) {
      try {
        return { state: 'stored', duplicates: await this.#insert(client, events) }
      } catch (error) {
        if (isWorthRepeating(error) && attempt < ATTEMPTS_MAX) continue
        return failureOf(error, true)
      }
    }
  }

  async #insert(client: pg.Client, events: readonly IngestEvent[]): Promise<readonly number[]> {
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

  async #copy(client: pg.Client, events: readonly IngestEvent[]): Promise<readonly number[]> {
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

function orExpired(writing: Promise<Written>, deadline: Deadline): Promise<Written> {
  return new Promise((resolve) => {
    deadline.whenExpired(() => {
      resolve(LATE)
    })
    void writing.then((written) => {
      deadline.whenExpired(null)
      resolve(written)
    })
  })
}
