/** Batches into PostgreSQL, acknowledged after commit. In: events. Out: exactly which were there before. */
import type pg from 'pg'
import type { Deadline } from '../deadline.ts'
import type { IngestEvent } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import type { Method } from './batch-ways.ts'
import { BatchWays } from './batch-ways.ts'
import { failureOf, isMissingReference, isWorthRepeating } from './failure.ts'
import { InsertOne, type Inserted, type InsertOneStatement } from './insert-one.ts'
import type { Lanes } from './lanes.ts'
import type { ReferenceRows } from './reference-rows.ts'
import type { EventStatements } from './statements.ts'

export interface PostgresWriterOptions {
  /** How more than one row travels; `auto` copies from `copyFromRows` on. A single row is always a plain INSERT. */
  readonly method: 'auto' | Method
  readonly copyFromRows: number
  readonly statements: EventStatements
  readonly prepared: boolean
  /** Where events refer to other rows, which then have to be there first. */
  readonly references: ReferenceRows | null
}

const ATTEMPTS_MAX = 3
const STORED: Written = { state: 'stored', duplicates: [] }
const DUPLICATE: Written = { state: 'stored', duplicates: [0] }
const LATE: Written = { state: 'unknown', because: 'PostgreSQL did not answer in time' }

export class PostgresWriter implements BatchWriter {
  readonly #lanes: Lanes
  readonly #options: PostgresWriterOptions
  readonly #ways: BatchWays
  readonly #one: InsertOneStatement

  constructor(lanes: Lanes, options: PostgresWriterOptions) {
    this.#lanes = lanes
    this.#options = options
    this.#one = { text: options.statements.insertOne, prepared: options.prepared }
    this.#ways = new BatchWays(options)
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
    const { references } = this.#options
    const isPlain = only !== undefined && events.length === 1 && references?.knows(events) !== false
    const written = await (isPlain
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
          const again = attempt < ATTEMPTS_MAX && !deadline.expired
          if (again && isWorthRepeating(inserted.error)) {
            attempt++
            client.query(new InsertOne(event, this.#one, done))
            return
          }
          deadline.whenExpired(null)
          if (again && this.#mayRegister(inserted.error)) {
            void orExpired(this.#attempt(client, [event]), deadline).then(resolve)
            return
          }
          resolve(failureOf(inserted.error, true))
          return
        }
        deadline.whenExpired(null)
        resolve(inserted.state === 'inserted' ? STORED : DUPLICATE)
      }
      client.query(new InsertOne(event, this.#one, done))
    })
  }

  /** Never rejects. A transaction that lost a deadlock was rolled back whole and goes again. */
  async #attempt(client: pg.Client, events: readonly IngestEvent[]): Promise<Written> {
    for (let attempt = 1; ; attempt++) {
      try {
        return { state: 'stored', duplicates: await this.#insert(client, events) }
      } catch (error) {
        const again = isWorthRepeating(error) || this.#mayRegister(error)
        if (again && attempt < ATTEMPTS_MAX) continue
        return failureOf(error, true)
      }
    }
  }

  /** What was registered is not there after all: then nothing is known, and all is registered anew. */
  #mayRegister(error: unknown): boolean {
    const { references } = this.#options
    if (references === null || !isMissingReference(error)) return false
    references.forget()
    return true
  }

  async #insert(client: pg.Client, events: readonly IngestEvent[]): Promise<readonly number[]> {
    const { references, method, copyFromRows } = this.#options
    if (references?.knows(events) === false) await references.register(client, events)
    if (events.length === 1) return await this.#ways.send(client, events, 'unnest')
    if (method !== 'auto') return await this.#ways.send(client, events, method)
    return await this.#ways.send(client, events, events.length < copyFromRows ? 'unnest' : 'copy')
  }
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
