/** Events as the texts PostgreSQL parses: array literals for UNNEST, rows for COPY. */
import type { IngestEvent } from '../event.ts'

/** Seven array literals in the parameter order of insertUnnest. Appending to strings beats joining arrays of pieces. */
export function arrayLiterals(events: readonly IngestEvent[]): readonly string[] {
  let organizations = ''
  let transactions = ''
  let customers = ''
  let codes = ''
  let timestamps = ''
  let properties = ''
  let values = ''
  let comma = '{'
  for (const event of events) {
    organizations += comma + event.organizationId
    transactions += comma + quoted(event.transactionId)
    customers += comma + quoted(event.externalCustomerId)
    codes += comma + quoted(event.code)
    timestamps += comma + event.timestamp
    properties += comma + quoted(event.properties)
    values += comma + (event.value ?? 'NULL')
    comma = ','
  }
  return [organizations, transactions, customers, codes, timestamps, properties, values].map(
    (literal) => `${literal}}`,
  )
}

/** Seven parameters per row, in the order of insertValues. */
export function valueParameters(events: readonly IngestEvent[]): (string | null)[] {
  return events.flatMap((event) => [
    event.organizationId,
    event.transactionId,
    event.externalCustomerId,
    event.code,
    event.timestamp,
    event.properties,
    event.value,
  ])
}

function quoted(text: string): string {
  return text.includes('"') || text.includes('\\')
    ? `"${text.replace(/["\\]/g, '\\$&')}"`
    : `"${text}"`
}

/** Rows of COPY in text format; the staging table wants the position first. */
export function copyRows(events: readonly IngestEvent[], into: 'staging' | 'table'): string {
  let text = ''
  let position = 0
  for (const event of events) {
    const value = event.value ?? '\\N'
    if (into === 'staging') text += `${String(position)}\t`
    text += `${event.organizationId}\t${escaped(event.transactionId)}\t`
    text += `${escaped(event.externalCustomerId)}\t${escaped(event.code)}\t${event.timestamp}\t`
    text += `${escaped(event.properties)}\t${value}\t${value}\n`
    position++
  }
  return text
}

/** https://www.postgresql.org/docs/18/sql-copy.html, text format: backslash, newline, carriage return and tab. */
function escaped(text: string): string {
  return /[\\\n\r\t]/.test(text) ? text.replace(/[\\\n\r\t]/g, escapeOf) : text
}

function escapeOf(character: string): string {
  switch (character) {
    case '\n':
      return '\\n'
    case '\r':
      return '\\r'
    case '\t':
      return '\\t'
    default:
      return '\\\\'
  }
}
