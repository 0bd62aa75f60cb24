/**
 * What an error says about the rows it was about. In: whatever the client threw. Out: an outcome.
 * Codes: src/Common/ErrorCodes.cpp of ClickHouse. A batch is one block of one partition, so an exception means none of it.
 */
import { ClickHouseError } from '@clickhouse/client'
import type { Written } from '../written.ts'

export type Failure = Extract<Written, { state: 'refused' | 'bad-data' | 'unknown' }>

/** A value cannot be parsed, does not fit its column, or violates a constraint. */
const BAD_DATA_CODES = new Set([
  6, 25, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 376, 407, 469, 517,
])
/** Too many parts, memory limit, simultaneous queries, no space: more of the same would make it worse. */
const BACKOFF_CODES = new Set([252, 241, 202, 243])
/** Timeouts and lost connections inside the server, a server that is going down: the part may be there. */
const UNKNOWN_CODES = new Set([159, 209, 210, 236, 394])
/** Errors of a socket that never carried the request. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])

export function failureOf(error: unknown): Failure {
  if (error instanceof ClickHouseError) {
    const code = Number(error.code)
    const because = `ClickHouse answered ${error.code} ${error.type ?? ''}: ${firstLine(error.message)}`
    if (BAD_DATA_CODES.has(code)) return { state: 'bad-data', because }
    if (UNKNOWN_CODES.has(code)) return { state: 'unknown', because }
    return { state: 'refused', because, backoff: BACKOFF_CODES.has(code) }
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return NOT_SENT.has(code)
    ? { state: 'refused', because: 'ClickHouse is not reachable', backoff: true }
    : { state: 'unknown', because: 'the connection to ClickHouse broke or timed out' }
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 300)
}
