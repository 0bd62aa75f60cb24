/**
 * One session with the database that is written to. In: a batch as COPY text rows. Out: the positions of events that were
 * there before, after the commit; rejects with what pg throws. One batch is one transaction.
 */
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { tlsClientOptions } from '../../kit/tls.ts'
import type { RowValues } from './copy-values.ts'
import { rowsOf } from './copy-values.ts'
import type { SqlWriting } from '../../architecture/sql-writes.ts'
import { SqlStatements, rowsPerStatement } from './statements.ts'

const CONNECT_TIMEOUT_MS = 5_000
const APPLICATION = 'headroom driver'

/** What a table of the events calls its columns. */
export interface TableColumns {
  readonly source: string
  readonly id: string
  readonly copy: readonly string[]
}

export class SqlSession {
  readonly #client: pg.Client
  readonly #writing: SqlWriting
  readonly #columns: TableColumns
  readonly #statements: SqlStatements

  private constructor(made: {
    readonly client: pg.Client
    readonly writing: SqlWriting
    readonly columns: TableColumns
    readonly statements: SqlStatements
  }) {
    this.#client = made.client
    this.#writing = made.writing
    this.#columns = made.columns
    this.#statements = made.statements
  }

  /** @param onBroken told when the connection ends while nobody uses it */
  static async open(
    writing: SqlWriting,
    columns: TableColumns,
    onBroken: () => void,
  ): Promise<SqlSession> {
    const client = new pg.Client(configOf(writing.place))
    // A query under way rejects as well; this is for those that are idle, and must not end the process.
    client.on('error', onBroken)
    client.on('end', onBroken)
    try {
      await client.connect()
      if (writing.synchronousCommit !== undefined) {
        await client.query(`SELECT set_config('synchronous_commit', $1, false)`, [
          writing.synchronousCommit,
        ])
      }
      const types = await typesOf(client, writing.table, columns.copy)
      const statements = new SqlStatements(writing, types, [columns.source, columns.id])
      return new SqlSession({ client, writing, columns, statements })
    } catch (error) {
      cut(client)
      throw error
    }
  }

  /** @returns positions, from 0, of events that the table held already */
  async write(rows: Buffer, events: number): Promise<readonly number[]> {
    const { method } = this.#writing
    switch (method) {
      case 'copy':
        await this.#copy(this.#statements.copy, rows)
        return []
      case 'staging':
        // Every time: behind a transaction pooler this may be another session of the server than the last one.
        return await this.#inTransaction(`BEGIN; ${this.#statements.createStaging}`, async () => {
          await this.#copy(this.#statements.copyToStaging, rows)
          return this.#repeats(
            await this.#client.query<ReturnedRow>(this.#statements.fromStaging),
            rows,
            events,
          )
        })
      case 'unnest':
        return await this.#inOrder(rows, (sorted) => this.#unnested(sorted))
      case 'values':
      case 'insert':
      case 'prepared':
        return await this.#inOrder(rows, (sorted) => this.#inserted(sorted, method))
    }
  }

  /** At once: what is under way is reported by who waits for it. */
  cut(): void {
    cut(this.#client)
  }

  /** By identity: two batches that hold the same events wait for each other in one order, and never in a circle. */
  async #inOrder(
    rows: Buffer,
    write: (sorted: readonly RowValues[]) => Promise<readonly number[]>,
  ): Promise<readonly number[]> {
    const { source, id, copy } = this.#columns
    const [sourceAt, idAt] = [copy.indexOf(source), copy.indexOf(id)]
    const sorted = rowsOf(rows.toString('utf8'))
      .map((row, position) => ({ row, position, key: identityOf(row[sourceAt], row[idAt]) }))
      .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.position - b.position))
    const repeats = await write(sorted.map(({ row }) => row))
    return repeats.map((at) => sorted[at]?.position ?? at)
  }

  async #unnested(rows: readonly RowValues[]): Promise<readonly number[]> {
    const values = this.#columns.copy.map((_name, at) => rows.map((row) => row[at] ?? null))
    const result = await this.#client.query<ReturnedRow>({
      name: 'unnest',
      text: this.#statements.unnest,
      values,
    })
    return this.#repeatsAmong(result, rows)
  }

  async #inserted(
    rows: readonly RowValues[],
    method: 'values' | 'insert' | 'prepared',
  ): Promise<readonly number[]> {
    const most = method === 'values' ? rowsPerStatement(method, this.#columns.copy.length) : 1
    const insert = async (from: number): Promise<readonly number[]> => {
      const part = rows.slice(from, from + most)
      const text = this.#statements.values(part.length)
      const query = { text, values: part.flat() }
      const result = await this.#client.query<ReturnedRow>(
        method === 'prepared' ? { name: 'one', ...query } : query,
      )
      return this.#repeatsAmong(result, part).map((position) => from + position)
    }
    if (rows.length <= most) return await insert(0)
    return await this.#inTransaction('BEGIN', async () => {
      const repeats: number[] = []
      for (let from = 0; from < rows.length; from += most) repeats.push(...(await insert(from)))
      return repeats
    })
  }

  async #copy(statement: string, rows: Buffer): Promise<void> {
    const stream = this.#client.query(copyFrom(statement))
    await new Promise<void>((resolve, reject) => {
      stream.on('finish', resolve)
      stream.on('error', reject)
      stream.end(rows)
    })
  }

  /** @param begin one message to the server, so one round trip: BEGIN and what comes with it */
  async #inTransaction(
    begin: string,
    work: () => Promise<readonly number[]>,
  ): Promise<readonly number[]> {
    try {
      await this.#client.query(begin)
      const repeats = await work()
      await this.#client.query('COMMIT')
      return repeats
    } catch (error) {
      // The first error is the one that tells; a rollback that fails only says that the connection is gone.
      await this.#client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  /** The usual answer is that all went in: rows are read only where it was not. */
  #repeats(result: pg.QueryResult<ReturnedRow>, rows: Buffer, events: number): readonly number[] {
    if (this.#writing.repeats === 'plain' || result.rowCount === events) return []
    return this.#repeatsAmong(result, rowsOf(rows.toString('utf8')))
  }

  #repeatsAmong(
    { rowCount, rows }: pg.QueryResult<ReturnedRow>,
    sent: readonly RowValues[],
  ): readonly number[] {
    if (this.#writing.repeats === 'plain' || rowCount === sent.length) return []
    const { source, id, copy } = this.#columns
    const stored = new Set(rows.map((row) => identityOf(row[source], row[id])))
    const [sourceAt, idAt] = [copy.indexOf(source), copy.indexOf(id)]
    return sent.flatMap((row, position) =>
      // The first of several alike went in; those behind it did not.
      stored.delete(identityOf(row[sourceAt], row[idAt])) ? [] : [position],
    )
  }
}

type ReturnedRow = Readonly<Record<string, unknown>>

function identityOf(source: unknown, id: unknown): string {
  return `${String(source)}\n${String(id)}`
}

async function typesOf(
  client: pg.Client,
  table: string,
  names: readonly string[],
): Promise<readonly { readonly name: string; readonly type: string }[]> {
  const { rows } = await client.query<{ readonly name: string; readonly type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type
       FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  )
  return names.map((name) => {
    const found = rows.find((row) => row.name === name)
    if (found === undefined) throw new Error(`table ${table} has no column ${name}`)
    return found
  })
}

function configOf(place: SqlWriting['place']): pg.ClientConfig {
  const { host, port, user, database, password, schema, tls } = place
  return {
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : { password }),
    ...(schema === undefined ? {} : { options: `-c search_path="${schema}"` }),
    ssl: tls === 'off' ? false : tlsClientOptions(tls),
    enableChannelBinding: tls !== 'off',
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  }
}

function cut(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
