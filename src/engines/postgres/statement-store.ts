/**
 * Rows of a statement of the user's own, on his own PostgreSQL. In: an address and a query. Out: id, organization and
 * value of each row, streamed, inside a transaction that may not write.
 */
import { to as copyTo } from 'pg-copy-streams'
import type { StatementStore } from '../../architecture/evidence.ts'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import type { PostgresAddress, StatementOptions, StoredRows } from '../engine.ts'
import { statementColumns } from '../statement-columns.ts'
import { storedRowsOf } from '../stored-rows.ts'
import { connect, destroy, withClient } from './connection.ts'
import { sqlStateOf } from './sql-state.ts'

/** @throws HeadroomError BAD_INPUT when the server does not understand it, ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function postgresStatementStore(
  address: PostgresAddress,
  { name, statement, signal }: StatementOptions,
): Promise<StatementStore> {
  const rows = `(\n${statement}\n) AS stored`
  const columns = await withClient(address, signal, async (client) => {
    await client.query('BEGIN READ ONLY')
    try {
      const answer = await client.query(`SELECT * FROM ${rows} LIMIT 0`)
      return statementColumns(answer.fields.map((field) => field.name))
    } catch (error) {
      if (sqlStateOf(error) === null) throw error
      throw new HeadroomError('BAD_INPUT', `audit.statement is refused: ${messageOf(error)}`, {
        hint: 'it must be one SELECT that this user may run; try it in psql first',
        cause: error,
      })
    }
  })
  const organization = columns.organization ? 'organization_id::text' : `''`
  const value = columns.value ? 'value::float8' : 'NULL'
  const copy = `COPY (SELECT transaction_id::text, ${organization}, ${value} FROM ${rows}) TO STDOUT`
  return { name, yields: columns, rows: (within) => streamCopy(address, copy, within) }
}

async function* streamCopy(
  address: PostgresAddress,
  copy: string,
  signal: AbortSignal,
): AsyncGenerator<StoredRows> {
  signal.throwIfAborted()
  const client = await connect(address)
  const abort = (): void => {
    destroy(client)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.query('BEGIN READ ONLY')
    yield* storedRowsOf(client.query(copyTo(copy)))
    await client.end()
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
    destroy(client)
  }
}
