/**
 * The INSERT of one event, without what pg does for any query: it asks for no row description, collects no rows, makes no
 * promise, and leaves in one write. In: an event. Out: whether its row is new, or why it failed.
 * pg drives it like any other submittable (https://node-postgres.com/apis/client#clientquery).
 */
import type pg from 'pg'
import type { IngestEvent } from '../event.ts'
import { executionOf } from './bind-text.ts'
import { INSERT_ONE } from './statements.ts'

export type Inserted =
  | { readonly state: 'inserted' | 'duplicate' }
  | { readonly state: 'failed'; readonly error: unknown }

const NAME = 'insert-one'
const NEW_ROW = 'INSERT 0 1'
const INSERTED: Inserted = { state: 'inserted' }
const DUPLICATE: Inserted = { state: 'duplicate' }

/** What pg keeps of the statements a connection has prepared; its own queries look there as well. */
interface Prepared {
  readonly parsedStatements: Readonly<Record<string, string | undefined>>
}

export class InsertOne implements pg.Submittable {
  /** pg notes under it that the connection has prepared the statement. */
  readonly name = NAME
  readonly text = INSERT_ONE
  readonly #event: IngestEvent
  readonly #done: (inserted: Inserted) => void
  #inserted = false

  /** @param done called once, after the commit or the error */
  constructor(event: IngestEvent, done: (inserted: Inserted) => void) {
    this.#event = event
    this.#done = done
  }

  submit(connection: pg.Connection & Partial<Prepared>): void {
    const { stream } = connection
    if (connection.parsedStatements?.[NAME] === undefined) {
      connection.parse({ name: NAME, text: INSERT_ONE, types: [] }, true)
    }
    const event = this.#event
    const execution = executionOf(NAME, [
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
    this.#inserted = message.text === NEW_ROW
  }

  /** Only now is it committed. */
  handleReadyForQuery(): void {
    this.#done(this.#inserted ? INSERTED : DUPLICATE)
  }

  handleError(error: unknown): void {
    this.#done({ state: 'failed', error })
  }
}
