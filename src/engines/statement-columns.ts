/**
 * What a statement of the user's own yields. In: its column names, or what a server said against it. Out: what can be
 * compared, or an error that names the statement.
 */
import type { StatementStore } from '../architecture/evidence.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'

/** @throws HeadroomError BAD_INPUT when it does not say which event a row is */
export function statementColumns(names: readonly string[]): StatementStore['yields'] {
  if (!names.includes('transaction_id')) {
    throw new HeadroomError('BAD_INPUT', 'audit.statement yields no column transaction_id', {
      hint: `it yields ${names.join(', ')}; name the event’s id AS transaction_id`,
    })
  }
  return { organization: names.includes('organization_id'), value: names.includes('value') }
}

/** The server took the statement and refuses it on a row: a cast that fails, a function that writes. */
export function failsOnRows(error: unknown): HeadroomError {
  return new HeadroomError(
    'BAD_INPUT',
    `audit.statement fails on its rows: ${messageOf(error).split('\n')[0] ?? ''}`,
    {
      hint: 'it must only read, transaction_id and organization_id must be texts, and value a number; read all of its rows once by hand',
      cause: error,
    },
  )
}
