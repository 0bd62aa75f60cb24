/** F1 and F13: when autovacuum comes, and how many dead rows gather until then. */
import { formatCount, formatDurationS, formatNumber, formatRate } from '../../kit/units.ts'
import {
  DEAD_ROWS_PER_EVENT,
  deadRowsBetweenVisits,
  vacuumThresholdRows,
} from '../../plan/formulas.ts'
import { naptimeS, vacuumSettings } from '../../plan/postgres-settings.ts'
import { compared } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

/** Fewer dead rows per event than this are heartbeats, retries and preparations, not a queue. */
const OUTDATED_MIN = 0.5

/** Every update and every delete leaves a dead row behind; null where neither was counted. */
export function deadRowsPerEvent(
  table: string,
  valueOf: (key: string) => number | null | undefined,
): number | null {
  const updated = valueOf(`table.updatedRowsPerEvent{${table}}`) ?? null
  const deleted = valueOf(`table.deletedRowsPerEvent{${table}}`) ?? null
  return updated === null && deleted === null ? null : (updated ?? 0) + (deleted ?? 0)
}

/** The table that makes the most dead rows; null where none does. */
export function outdatedTable(run: FormulaRun): string | null {
  const tables = new Set([
    ...run.labels('table.updatedRowsPerEvent'),
    ...run.labels('table.deletedRowsPerEvent'),
  ])
  const [most] = [...tables]
    .map((table) => ({ table, rows: middlePerEvent(run, table) }))
    .filter(({ rows }) => rows >= OUTDATED_MIN)
    .sort((a, b) => b.rows - a.rows)
  return most?.table ?? null
}

function middlePerEvent(run: FormulaRun, table: string): number {
  return deadRowsPerEvent(table, (key) => run.middle(key)) ?? 0
}

export function vacuumThreshold(run: FormulaRun): FormulaFinding | null {
  const table = outdatedTable(run)
  const liveRows = table === null ? null : run.middle(`table.liveRows{${table}}`)
  const threshold = table === null ? null : run.middle(`table.vacuumThresholdRows{${table}}`)
  if (table === null || liveRows === null || threshold === null) return null
  const settings = vacuumSettings(run.server)
  const { thresholdRows, scaleRatio, maxThresholdRows } = settings
  const cap = maxThresholdRows === null ? '' : `, at most ${formatCount(maxThresholdRows)}`
  const comparison = compared(vacuumThresholdRows(settings, liveRows), threshold)
  const dead = run.worst(`table.deadRows{${table}}`)
  const visits = run.middle(`table.autovacuums{${table}}`)
  return {
    id: 'F1',
    title: 'Dead rows from which autovacuum comes',
    target: run.target,
    documented:
      'threshold + scale × live rows: 50 + 0.2 n by default, 100 + 0.01 n for an outbox; PostgreSQL 18 caps it',
    inputs: `table ${table}: ${formatCount(thresholdRows)} + ${formatNumber(scaleRatio)} × ${formatCount(Math.round(liveRows))} live rows${cap}, by the server’s settings`,
    unit: 'rows',
    ...comparison,
    because: [
      `${comparison.because}: the server reckons with the table’s own settings and the rows it last counted`,
      `dead rows peaked at ${dead === null ? 'an unknown number' : formatCount(Math.round(dead))}`,
      `autovacuum finished ${formatNumber(Math.round(visits ?? 0))} times in ${formatDurationS(run.measuredS)}`,
    ].join('; '),
  }
}

export function deadRows(run: FormulaRun): FormulaFinding | null {
  const { acceptedPerS } = run
  const table = outdatedTable(run)
  if (table === null || acceptedPerS === null) return null
  const perEvent = middlePerEvent(run, table)
  const napS = naptimeS(run.server)
  const { ratePerS } = run.study.profile
  const declared = deadRowsBetweenVisits(ratePerS, perEvent, napS)
  const comparison = compared(
    deadRowsBetweenVisits(acceptedPerS, DEAD_ROWS_PER_EVENT, napS),
    deadRowsBetweenVisits(acceptedPerS, perEvent, napS),
  )
  return {
    id: 'F13',
    title: 'Dead rows between two visits of autovacuum',
    target: run.target,
    documented: '2 × events/s × autovacuum_naptime: 1.2 million at 10,000 events/s and 60 s',
    inputs: `table ${table}: ${formatRate(acceptedPerS)}, naptime ${formatDurationS(napS)}; measured from ${formatNumber(perEvent)} rows updated or deleted per event`,
    unit: 'rows',
    ...comparison,
    because: `${comparison.because}; at the declared ${formatRate(ratePerS)} they are ${formatCount(Math.round(declared))}`,
  }
}
