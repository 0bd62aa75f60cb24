/** How the driver writes events to a database where there is no service between: the contract of both sides. */
import type { PostgresAddress } from '../engines/engine.ts'

/**
 * `insert`: one statement a row, parsed each time. `prepared`: parsed once. `values`: one statement with a list of rows.
 * `unnest`: one with an array a column. `copy`: COPY as text. `staging`: COPY into a table of the session, then INSERT … SELECT.
 * A request of several events is one transaction, whichever it is.
 */
export const SQL_METHODS = ['insert', 'prepared', 'values', 'unnest', 'copy', 'staging'] as const
export type SqlMethod = (typeof SQL_METHODS)[number]

export interface SqlWriting {
  /** May hold a secret. */
  readonly place: PostgresAddress
  readonly method: SqlMethod
  readonly table: string
  /** `skip`: ON CONFLICT DO NOTHING. `plain`: the table decides, by an error or by keeping them. */
  readonly repeats: 'skip' | 'plain'
  readonly connections: number
  /** Asked of every session; absent: as the server has it. */
  readonly synchronousCommit?: string
}
