/** Which of the audit's columns a statement yields. In: its column names. Out: what can be compared, or an error. */
import type { StatementStore } from '../architecture/evidence.ts'
import { HeadroomError } from '../kit/errors.ts'

/** @throws HeadroomError BAD_INPUT when it does not say which event a row is */
export function statementColumns(names: readonly string[]): StatementStore['yields'] {
  if (!names.includes('transaction_id')) {
    throw new HeadroomError('BAD_INPUT', 'audit.statement yields no column transaction_id', {
      hint: `it yields ${names.join(', ')}; name the event’s id AS transaction_id`,
    })
  }
  return { organization: names.includes('organization_id'), value: names.includes('value') }
}
