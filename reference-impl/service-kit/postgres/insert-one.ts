/**
 * The INSERT of one event, without what pg does for any query: it asks for no row description, collects no rows, makes no
 * promise, and leaves in one write. In: an event. Out: whether its row is new, or why it failed.
 * pg drives it like any other submittable (https://node-postgres.com/apis/client#clientquery).
 */
import type pg from 'pg'
import type { IngestEvent } from '../event.ts'
import { executionOf } from './bind-text.ts'

export type Inserted =
  { readonly state: 'inserted' | 'duplicate' } | { readonly state: 'failed'; readonly error: Error }

const NAME = 'insert-one'
/** `INSERT 0 1`, or `SELECT 1` where the statement picks the new rows out of all it wrote. */
const NEW_ROW = ' 1'
const INSERTED: Inserted = { state: 'inserted' }
const DUPLICATE: Inserted = { state: 'duplicate' }

/** What pg keeps of the statements a connection has prepared; its own queries look there as well. */
interface Prepared {
  readonly parsedStatements: Readonly<Record<string, string | undefined>>
}

export interface InsertOneStatement {
  readonly text: string
  /** Parsed once per connection, or anew each time. */
  readonly prepared: boolean
}

export class InsertOne implements pg.Submittable {
  /** pg notes under it that the connection has prepared the statement; the empty name is never kept. */
  readonly name: string
  readonly text: string
  readonly #event: IngestEvent
  readonly #done: (inserted: Inserted) => void
  #inserted = false

  /** @param done called once, after the commit or the error */
  constructor(
    event: IngestEvent,
    { text, prepared }: InsertOneStatement,
    done: (inserted: Inserted) => void,
  ) {
    this.name = prepared ? NAME : ''
    this.text = text
    this.#event = event
    this.#done = done
  }

  submit(connection: pg.Connection & Partial<Prepared>): void {
    const { stream } = connection
    if (this.name === '' || connection.parsedStatements?.[NAME] === undefined) {
      connection.parse({ name: this.name, text: this.text, types: [] }, true)
    }
    const event = this.#event
    const execution = executionOf(this.name, [
      event.organizationId,
      event.transactionId,
      event.externalCustomerId,
      event.code,
      event.timestamp,
      event.properties,
      event.value,
    ])
    if (typeof execution === 'string') stream.write(execution, 'latin1')
    else stream.write(execution)
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.#inserted = message.text.endsWith(NEW_ROW)
  }

  /** A row without columns, of a statement that selects: its command tag counts it. */
  handleDataRow(): void {
    return
  }

  /** Only now is it committed. */
  handleReadyForQuery(): void {
    this.#done(this.#inserted ? INSERTED : DUPLICATE)
  }

  handleError(error: Error): void {
    this.#done({ state: 'failed', error })
  }
}
