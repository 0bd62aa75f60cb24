/** The statements of each way of writing a batch. In: a table, its columns with their types. Out: SQL. Pure. */
import type { SqlMethod, SqlWriting } from '../../architecture/sql-writes.ts'

export interface Column {
  readonly name: string
  /** As format_type writes it: `uuid`, `timestamp with time zone`. */
  readonly type: string
}

export const STAGING = 'headroom_staging'
/** PostgreSQL takes no more parameters in one statement. */
export const PARAMETERS_MAX = 65_535

export class SqlStatements {
  readonly #table: string
  readonly #columns: readonly Column[]
  readonly #tail: string
  readonly #order: string

  /** @param identity columns that tell which events went in; asked for only where repeats are skipped */
  constructor(
    { table, repeats }: Pick<SqlWriting, 'table' | 'repeats'>,
    columns: readonly Column[],
    identity: readonly string[],
  ) {
    this.#table = quoted(table)
    this.#columns = columns
    this.#order = identity.map(quoted).join(', ')
    this.#tail =
      repeats === 'skip'
        ? ` ON CONFLICT DO NOTHING RETURNING ${identity.map(quoted).join(', ')}`
        : ''
  }

  get #names(): string {
    return this.#columns.map(({ name }) => quoted(name)).join(', ')
  }

  /** One row, or a list of them. */
  values(rows: number): string {
    const width = this.#columns.length
    const lists = Array.from({ length: rows }, (_, row) => {
      const marks = this.#columns.map(({ type }, at) => `$${String(row * width + at + 1)}::${type}`)
      return `(${marks.join(', ')})`
    })
    return `INSERT INTO ${this.#table} (${this.#names}) VALUES ${lists.join(', ')}${this.#tail}`
  }

  /** One array of texts for each column; cast there, so that arrays of every type are written alike. */
  get unnest(): string {
    const arrays = this.#columns.map((_column, at) => `$${String(at + 1)}::text[]`)
    const names = this.#columns.map((_column, at) => `c${String(at)}`)
    const casts = this.#columns.map(({ type }, at) => `c${String(at)}::${type}`)
    return `INSERT INTO ${this.#table} (${this.#names}) SELECT ${casts.join(', ')} FROM unnest(${arrays.join(', ')}) AS rows(${names.join(', ')})${this.#tail}`
  }

  get copy(): string {
    return `COPY ${this.#table} (${this.#names}) FROM STDIN`
  }

  get createStaging(): string {
    return `CREATE TEMPORARY TABLE IF NOT EXISTS ${STAGING} ON COMMIT DELETE ROWS AS SELECT ${this.#names} FROM ${this.#table} WITH NO DATA`
  }

  get copyToStaging(): string {
    return `COPY ${STAGING} (${this.#names}) FROM STDIN`
  }

  get fromStaging(): string {
    return `INSERT INTO ${this.#table} (${this.#names}) SELECT ${this.#names} FROM ${STAGING} ORDER BY ${this.#order}${this.#tail}`
  }
}

/** How many rows one statement can carry. */
export function rowsPerStatement(method: SqlMethod, columns: number): number {
  return method === 'values' ? Math.floor(PARAMETERS_MAX / columns) : Infinity
}

/** A name, or a schema and a name. */
function quoted(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
}
