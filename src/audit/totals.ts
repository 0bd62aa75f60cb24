/** The second opinion: what the engine counts itself must be what its rows add up to. */
import type { StorePromise } from '../architecture/architecture.ts'
import type { StoreTotals } from '../engines/engine.ts'
import type { StoredScan } from './stored-scan.ts'

type Rows = Pick<
  StoredScan,
  'rows' | 'value64SumOfRows' | 'exactValues' | 'rowsBySource' | 'repeatedRows'
>

/** A sentence about the first disagreement, or null. */
export function totalsDisagreement(
  scan: Rows,
  totals: StoreTotals,
  promise: Pick<StorePromise, 'duplicates'>,
): string | null {
  // A merge may take repeated rows away between the two readings; then only the bounds are known.
  if (promise.duplicates === 'one-readable' && scan.repeatedRows > 0) {
    const least = scan.rows - scan.repeatedRows
    if (totals.rows >= least && totals.rows <= scan.rows) return null
    return differ('rows', `${String(least)} to ${String(scan.rows)}`, String(totals.rows))
  }
  if (totals.rows !== scan.rows) return differ('rows', String(scan.rows), String(totals.rows))
  if (scan.exactValues && totals.value64Sum !== scan.value64SumOfRows) {
    const [read, said] = [scan.value64SumOfRows.toString(), totals.value64Sum.toString()]
    return differ('value × 64', read, said)
  }
  for (const [source, rows] of scan.rowsBySource) {
    const said = totals.rowsByOrganization.get(source) ?? 0
    if (said !== rows) return differ(`rows of ${source}`, String(rows), String(said))
  }
  return null
}

function differ(what: string, read: string, said: string): string {
  return `the engine's own total of ${what} is ${said}, its rows add up to ${read}`
}
