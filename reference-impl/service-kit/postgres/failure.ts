/**
 * What an error says about the rows it was about. In: whatever a driver threw. Out: an outcome.
 * Classes: https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
import pg from 'pg'
import type { Written } from '../written.ts'

export type Failure = Extract<Written, { state: 'refused' | 'bad-data' | 'unknown' }>

/** Data exception, integrity constraint violation, program limit exceeded: an item is to blame. */
const BAD_DATA_CLASSES = new Set(['22', '23', '54'])
/** Connection exception, operator intervention, system error, internal error: the commit may have gone through. */
const UNKNOWN_CLASSES = new Set(['08', '58', 'XX'])
const STATEMENT_COMPLETION_UNKNOWN = '40003'
const QUERY_CANCELED = '57014'
const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
const FOREIGN_KEY_VIOLATION = '23503'
const CHECK_VIOLATION = '23514'

/** @param sent whether a statement had left for the server */
export function failureOf(error: unknown, sent: boolean): Failure {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) {
    return sent
      ? { state: 'unknown', because: 'the connection to PostgreSQL broke' }
      : { state: 'refused', because: 'PostgreSQL is not reachable', backoff: true }
  }
  const { code, message } = error
  const because = `PostgreSQL answered ${code}: ${message}`
  const sqlClass = code.slice(0, 2)
  if (BAD_DATA_CLASSES.has(sqlClass)) return { state: 'bad-data', because }
  if (sent && mayBeCommitted(code)) return { state: 'unknown', because }
  return { state: 'refused', because, backoff: sqlClass === '53' || sqlClass === '57' }
}

function mayBeCommitted(code: string): boolean {
  const sqlClass = code.slice(0, 2)
  if (code === STATEMENT_COMPLETION_UNKNOWN || UNKNOWN_CLASSES.has(sqlClass)) return true
  return sqlClass === '57' && code !== QUERY_CANCELED
}

/** Rolled back because of other transactions: the same statement may go through now. */
export function isWorthRepeating(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false
  const { code } = error
  return code === DEADLOCK || code === SERIALIZATION_FAILURE || isMisrouted(error)
}

/** A row was on its way to the default partition when a partition of its own was attached: next time it finds that one. */
function isMisrouted({ code, routine }: pg.DatabaseError): boolean {
  return code === CHECK_VIOLATION && routine === 'ExecPartitionCheckEmitError'
}

/** An event refers to a row that is not there. */
export function isMissingReference(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === FOREIGN_KEY_VIOLATION
}
