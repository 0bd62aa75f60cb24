/**
 * The ways a batch of more than one event travels to PostgreSQL (mission-map C10). In: a connection and events, all of
 * different identity. Out: the positions of those that were there before, after the commit; rejects with what pg throws.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { IngestEvent } from '../event.ts'
import { InsertOne } from './insert-one.ts'
import { binaryRows } from './row-binary.ts'
import { arrayLiterals, copyRows, valueParameters } from './row-text.ts'
import type { EventStatements } from './statements.ts'
import { copyStatement, CREATE_STAGING, VALUES_ROWS_MAX } from './statements.ts'

export const METHODS = ['unnest', 'values', 'single', 'copy', 'copy-binary'] as const
export type Method = (typeof METHODS)[number]

export interface BatchWaysOptions {
  readonly statements: EventStatements
  /** Statements with one text for every batch are parsed once per connection. A VALUES list is parsed each time. */
  readonly prepared: boolean
}

type Positions = readonly number[]

interface DuplicatesRow {
  /** 0-based positions; null where all rows went in. */
  readonly duplicates: Positions | null
}

export class BatchWays {
  readonly #options: BatchWaysOptions

  constructor(options: BatchWaysOptions) {
    this.#options = options
  }

  async send(
    client: pg.Client,
    events: readonly IngestEvent[],
    method: Method,
  ): Promise<Positions> {
    switch (method) {
      case 'unnest':
        return await this.#ask(client, 'insert-unnest', {
          text: this.#options.statements.insertUnnest,
          values: [...arrayLiterals(events)],
        })
      case 'values':
        return events.length <= VALUES_ROWS_MAX
          ? await this.#values(client, events)
          : await this.#inTransaction(client, () => this.#valuesInPieces(client, events))
      case 'single':
        return await this.#inTransaction(client, () => this.#oneByOne(client, events))
      case 'copy':
      case 'copy-binary':
        return await this.#copy(client, events, method === 'copy' ? 'text' : 'binary')
    }
  }

  async #ask(
    client: pg.Client,
    name: string,
    query: { readonly text: string; readonly values?: string[] },
  ): Promise<Positions> {
    const { rows } = await client.query<DuplicatesRow>(
      this.#options.prepared ? { name, ...query } : query,
    )
    return rows[0]?.duplicates ?? []
  }

  async #values(client: pg.Client, events: readonly IngestEvent[]): Promise<Positions> {
    const { rows } = await client.query<DuplicatesRow>({
      text: this.#options.statements.insertValues(events.length),
      values: valueParameters(events),
    })
    return rows[0]?.duplicates ?? []
  }

  async #valuesInPieces(client: pg.Client, events: readonly IngestEvent[]): Promise<Positions> {
    const duplicates: number[] = []
    for (let from = 0; from < events.length; from += VALUES_ROWS_MAX) {
      const found = await this.#values(client, events.slice(from, from + VALUES_ROWS_MAX))
      duplicates.push(...found.map((position) => from + position))
    }
    return duplicates
  }

  async #oneByOne(client: pg.Client, events: readonly IngestEvent[]): Promise<Positions> {
    const duplicates: number[] = []
    for (const [position, event] of events.entries()) {
      if (!(await this.#insertOne(client, event))) duplicates.push(position)
    }
    return duplicates
  }

  #insertOne(client: pg.Client, event: IngestEvent): Promise<boolean> {
    const { statements, prepared } = this.#options
    return new Promise((resolve, reject) => {
      client.query(
        new InsertOne(event, { text: statements.insertOne, prepared }, (inserted) => {
          if (inserted.state === 'failed') reject(inserted.error)
          else resolve(inserted.state === 'inserted')
        }),
      )
    })
  }

  async #copy(
    client: pg.Client,
    events: readonly IngestEvent[],
    format: 'text' | 'binary',
  ): Promise<Positions> {
    const { insertStaged } = this.#options.statements
    const into = insertStaged === null ? 'table' : 'staging'
    const copy = async (): Promise<Positions> => {
      const rows = format === 'text' ? copyRows(events, into) : binaryRows(events, into)
      await pipeline(Readable.from([rows]), client.query(copyFrom(copyStatement(into, format))))
      return insertStaged === null
        ? []
        : await this.#ask(client, 'insert-staged', { text: insertStaged })
    }
    return await this.#inTransaction(client, copy, into === 'staging' ? `; ${CREATE_STAGING}` : '')
  }

  /** @param also goes along with BEGIN, so it costs no round trip */
  async #inTransaction(
    client: pg.Client,
    work: () => Promise<Positions>,
    also = '',
  ): Promise<Positions> {
    try {
      await client.query(this.#options.statements.begin + also)
      const duplicates = await work()
      await client.query('COMMIT')
      return duplicates
    } catch (error) {
      // The first error is the one that tells; a rollback that fails only says that the connection is gone.
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}
