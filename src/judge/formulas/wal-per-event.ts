/**
 * F2: WAL per event by the documented multiples of a row's bytes. In: a run whose tables were counted and sized. Out: what
 * is predicted of all tables that are not UNLOGGED, beside the WAL that was written.
 */
import { formatBytes, formatDurationS, formatNumber } from '../../kit/units.ts'
import { WAL_MULTIPLIERS, documentedWalBytes } from '../../plan/formulas.ts'
import { HELD_WITHIN_RATIO, compared } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

/** Tables are looked at every five seconds, and sessions tell their counts up to a second late. */
const COUNTED_FROM_S = 15
/** Fewer rows per event are heartbeats and preparations. */
const WRITTEN_MIN = 0.01

interface TableWrites {
  readonly table: string
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  /** Of one version of a row; null where its heap does not tell. */
  readonly rowBytes: number | null
  /** null where the record does not say. */
  readonly unloggedRatio: number | null
}

/** null where rows were not counted. */
export function walPerEvent(run: FormulaRun): FormulaFinding | null {
  const tables = writesOf(run)
  const measured = run.middle('wal.bytesPerEvent') ?? run.middle('wal.totalBytesPerEvent')
  if (tables.length === 0 || measured === null) return null
  const { insert, update, delete: remove } = WAL_MULTIPLIERS
  return {
    id: 'F2',
    title: 'WAL per event',
    target: run.target,
    documented: `row × (${formatNumber(insert)} per INSERT, ${formatNumber(update)} per UPDATE, ${formatNumber(remove)} per DELETE, 0 in UNLOGGED tables)`,
    inputs: `${tables.map(inWords).join('; ')}; full-page images left out`,
    unit: 'bytes',
    ...walCompared(run, tables, measured),
  }
}

function writesOf(run: FormulaRun): readonly TableWrites[] {
  return run.labels('table.insertedRowsPerEvent').flatMap((table): readonly TableWrites[] => {
    const of = (id: string): number => run.middle(`${id}{${table}}`) ?? 0
    const rows = {
      inserted: of('table.insertedRowsPerEvent'),
      updated: of('table.updatedRowsPerEvent'),
      deleted: of('table.deletedRowsPerEvent'),
    }
    if (rows.inserted + rows.updated + rows.deleted < WRITTEN_MIN) return []
    const unloggedRatio = run.middle(`table.unloggedRatio{${table}}`)
    return [{ table, ...rows, rowBytes: rowBytesOf(run, table), unloggedRatio }]
  })
}

/** A heap from which rows went has free space, and its bytes are no longer those of the rows in it. */
function rowBytesOf(run: FormulaRun, table: string): number | null {
  const bytes = run.middle(`table.heapBytes{${table}}`)
  const live = run.middle(`table.liveRows{${table}}`)
  const dead = run.middle(`table.deadRows{${table}}`) ?? 0
  const deleted = run.middle(`table.deletedRowsPerEvent{${table}}`) ?? 0
  const updated = run.middle(`table.updatedRowsPerEvent{${table}}`) ?? 0
  const visits = run.middle(`table.autovacuums{${table}}`) ?? 0
  if (bytes === null || live === null || live + dead <= 0) return null
  // A visit to a table that is only added to frees nothing.
  const freed = deleted >= WRITTEN_MIN || (visits > 0 && updated >= WRITTEN_MIN)
  return freed ? null : bytes / (live + dead)
}

function walCompared(
  run: FormulaRun,
  tables: readonly TableWrites[],
  measured: number,
): Pick<FormulaFinding, 'predicted' | 'measured' | 'verdict' | 'because'> {
  const unknown = whyUnknown(tables)
  if (unknown !== null) {
    return { predicted: null, measured, verdict: 'not-tested', because: unknown }
  }
  const logged = tables.map((one) => walOf(one) * (1 - (one.unloggedRatio ?? 0)))
  const predicted = logged.reduce((sum, one) => sum + one, 0)
  const comparison = compared(predicted, measured)
  if (run.measuredS < COUNTED_FROM_S) {
    const because = `a run of ${formatDurationS(run.measuredS)} is too short to count rows exactly`
    return { ...comparison, verdict: 'not-tested', because }
  }
  if (predicted > 0) return comparison
  // Commits leave some all the same: it is little beside what the rows would have written.
  const saved = tables.reduce((sum, one) => sum + walOf(one), 0)
  if (saved === 0) {
    const because = 'the heap does not tell what the rows would have written to logged tables'
    return { ...comparison, verdict: 'not-tested', because }
  }
  const verdict = measured <= saved * HELD_WITHIN_RATIO ? 'held' : 'did-not-hold'
  return {
    ...comparison,
    verdict,
    because: `${formatBytes(measured)} are left of the ${formatBytes(saved)} that logged tables would take`,
  }
}

/** A sum that leaves out one of its tables would pass for the whole. null where every table is known. */
function whyUnknown(tables: readonly TableWrites[]): string | null {
  const unsaid = tables.find(({ unloggedRatio }) => unloggedRatio === null)
  if (unsaid !== undefined) return `the record does not say whether ${unsaid.table} is UNLOGGED`
  const unsized = tables
    .filter(({ rowBytes, unloggedRatio }) => rowBytes === null && unloggedRatio !== 1)
    .map(({ table }) => table)
  return unsized.length === 0
    ? null
    : `rows of ${unsized.join(', ')} come and go, or were not counted: the heap does not tell the bytes of one, so nothing is predicted`
}

/** 0 where the bytes of a row are not known. */
function walOf({ rowBytes, ...rows }: TableWrites): number {
  return rowBytes === null ? 0 : documentedWalBytes(rows, rowBytes)
}

function inWords(one: TableWrites): string {
  if (one.unloggedRatio === 1) return `${one.table} is UNLOGGED`
  const bytes = one.rowBytes === null ? '' : ` of ${formatBytes(one.rowBytes)}`
  const rows = [
    `${formatNumber(one.inserted)} inserted`,
    ...(one.updated > 0 ? [`${formatNumber(one.updated)} updated`] : []),
    ...(one.deleted > 0 ? [`${formatNumber(one.deleted)} deleted`] : []),
  ]
  return `${one.table}: rows${bytes}, ${rows.join(', ')} per event`
}
