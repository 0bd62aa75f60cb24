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

/** @param sent whether a statement had left for the server */
export function failureOf(error: unknown, sent: boolean): Failure {
  const sqlState = error instanceof pg.DatabaseError ? error.code : undefined
  if (sqlState === undefined) {
    const because = sent ? 'the connection to PostgreSQL broke' : 'PostgreSQL is not reachable'
    return sent ? { state: 'unknown', because } : { state: 'refused', because, backoff: true }
  }
  const because = `PostgreSQL answered ${sqlState}: ${error instanceof Error ? error.message : ''}`
  const sqlClass = sqlState.slice(0, 2)
  if (BAD_DATA_CLASSES.has(sqlClass)) return { state: 'bad-data', because }
  const stopping = sqlClass === '57' && sqlState !== QUERY_CANCELED
  if (
    sent &&
    (stopping || UNKNOWN_CLASSES.has(sqlClass) || sqlState === STATEMENT_COMPLETION_UNKNOWN)
  ) {
    return { state: 'unknown', because }
  }
  return { state: 'refused', because, backoff: sqlClass === '53' || sqlClass === '57' }
}

/** Rolled back because of other transactions: the same statement may go through now. */
export function isWorthRepeating(error: unknown): boolean {
  return (
    error instanceof pg.DatabaseError &&
    (error.code === DEADLOCK || error.code === SERIALIZATION_FAILURE)
  )
}
