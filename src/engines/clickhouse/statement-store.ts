/**
 * Rows of a statement of the user's own, on his own ClickHouse. In: an HTTP client and a query. Out: id, organization
 * and value of each row, streamed. The query stands inside a SELECT of ours, so it can only read.
 */
import type { Readable } from 'node:stream'
import type { StatementStore } from '../../architecture/evidence.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { StatementOptions, StoredRows } from '../engine.ts'
import { failsOnRows, statementColumns } from '../statement-columns.ts'
import { storedRowsOf } from '../stored-rows.ts'
import type { ClickHouseHttp } from './http.ts'
import { ClickHouseError } from './http.ts'

/** @throws HeadroomError BAD_INPUT when the server does not understand it, ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function clickHouseStatementStore(
  http: ClickHouseHttp,
  { name, statement, signal }: StatementOptions,
): Promise<StatementStore> {
  const columns = statementColumns(await columnsOf(http, statement, signal))
  const organization = columns.organization ? 'toString(organization_id)' : `''`
  const value = columns.value ? 'toFloat64(value)' : 'NULL'
  const sql = `SELECT toString(transaction_id), ${organization}, ${value} FROM (\n${statement}\n)`
  // What fails on the first row is told before an event is sent.
  const first = streamRows(http, `${sql} LIMIT 1`, signal)
  await first.next()
  await first.return(undefined)
  return { name, yields: columns, rows: (within) => streamRows(http, sql, within) }
}

async function columnsOf(
  http: ClickHouseHttp,
  statement: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    const rows = await http.rows(`DESCRIBE TABLE (\n${statement}\n)`, { signal })
    return rows.map(([column = '']) => column)
  } catch (error) {
    if (!(error instanceof ClickHouseError)) throw error
    throw new HeadroomError('BAD_INPUT', `audit.statement is refused: ${error.message}`, {
      hint: 'it must be one SELECT that this user may run; try it in clickhouse-client first',
      cause: error,
    })
  }
}

async function* streamRows(
  http: ClickHouseHttp,
  sql: string,
  signal: AbortSignal,
): AsyncGenerator<StoredRows> {
  let body: Readable | null = null
  try {
    body = await http.stream(`${sql} FORMAT TabSeparated`, { signal })
    yield* storedRowsOf(body as AsyncIterable<Buffer>)
  } catch (error) {
    throw error instanceof ClickHouseError ? failsOnRows(error) : error
  } finally {
    body?.destroy()
  }
}
