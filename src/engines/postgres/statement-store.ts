/**
 * Rows of a statement of the user's own, on his own PostgreSQL. In: an address and a query. Out: id, organization and
 * value of each row, streamed, inside a transaction that may not write.
 */
import type { StatementStore } from '../../architecture/evidence.ts'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import type { PostgresAddress, StatementOptions, StoredRows } from '../engine.ts'
import { failsOnRows, statementColumns } from '../statement-columns.ts'
import { withClient } from './connection.ts'
import { copiedRows } from './copied-rows.ts'
import { despiteConflicts } from './recovery-conflict.ts'
import { sqlStateOf } from './sql-state.ts'

const TRY_TIMEOUT = '10s'
/** By statement_timeout, or by an operator. */
const QUERY_CANCELED = '57014'

/** @throws HeadroomError BAD_INPUT when the server does not understand it, ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function postgresStatementStore(
  address: PostgresAddress,
  { name, statement, signal }: StatementOptions,
): Promise<StatementStore> {
  const rows = `(\n${statement}\n) AS stored`
  const { columns, selected } = await withClient(address, signal, async (client) => {
    await client.query('BEGIN READ ONLY')
    try {
      const answer = await client.query(`SELECT * FROM ${rows} LIMIT 0`)
      const yields = statementColumns(answer.fields.map((field) => field.name))
      return { columns: yields, selected: `${selectOf(yields)} FROM ${rows}` }
    } catch (error) {
      if (sqlStateOf(error) === null) throw error
      throw new HeadroomError('BAD_INPUT', `audit.statement is refused: ${messageOf(error)}`, {
        hint: 'it must be one SELECT that this user may run; try it in psql first',
        cause: error,
      })
    }
  })
  await despiteConflicts(signal, () => tryFirstRow(address, selected, signal))
  const copy = `COPY (${selected}) TO STDOUT`
  return { name, yields: columns, rows: (within) => streamCopy(address, copy, within) }
}

function selectOf({ organization, value }: StatementStore['yields']): string {
  const texts = ['transaction_id::text', organization ? 'organization_id::text' : `''`]
  return `SELECT ${[...texts, value ? 'value::float8' : 'NULL'].join(', ')}`
}

/** What fails on the first row is told before an event is sent. A statement that is slow to begin is tried no longer. */
async function tryFirstRow(
  address: PostgresAddress,
  selected: string,
  signal: AbortSignal,
): Promise<void> {
  await withClient(address, signal, async (client) => {
    await client.query('BEGIN READ ONLY')
    await client.query(`SET LOCAL statement_timeout = '${TRY_TIMEOUT}'`)
    try {
      await client.query(`${selected} LIMIT 1`)
    } catch (error) {
      if (sqlStateOf(error) === QUERY_CANCELED) return
      throw isOfTheStatement(error) ? failsOnRows(error) : error
    }
  })
}

/** Classes 08, 40, 53, 57 and 58: the connection, a conflict with others, memory or disk, an operator, the system. */
function isOfTheStatement(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state !== null && (state === QUERY_CANCELED || !/^(08|40|53|57|58)/.test(state))
}

async function* streamCopy(
  address: PostgresAddress,
  copy: string,
  signal: AbortSignal,
): AsyncGenerator<StoredRows> {
  try {
    yield* copiedRows(address, copy, signal)
  } catch (error) {
    throw isOfTheStatement(error) ? failsOnRows(error) : error
  }
}
