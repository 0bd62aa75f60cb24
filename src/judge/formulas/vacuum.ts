/** F1: when autovacuum comes. */
import { formatCount, formatDurationS, formatNumber } from '../../kit/units.ts'
import { vacuumThresholdRows } from '../../plan/formulas.ts'
import { insertThresholdRows, naptimeS, vacuumSettings } from '../../plan/postgres-settings.ts'
import { medianOf } from '../statistics.ts'
import {
  TABLES_EVERY_S,
  deadRowsPerS,
  insertedRowsPerS,
  outdatedTable,
  peaksOf,
} from './dead-rows.ts'
import type { Stretch } from './dead-rows.ts'
import { HELD_WITHIN_RATIO } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

export function vacuumThreshold(run: FormulaRun): FormulaFinding | null {
  const table = outdatedTable(run)
  const liveRows = table === null ? null : run.middle(`table.liveRows{${table}}`)
  const threshold = table === null ? null : run.middle(`table.vacuumThresholdRows{${table}}`)
  if (table === null || liveRows === null || threshold === null) return null
  const settings = vacuumSettings(run.server)
  const { thresholdRows, scaleRatio, maxThresholdRows } = settings
  const cap = maxThresholdRows === null ? '' : `, at most ${formatCount(maxThresholdRows)}`
  const byServer = formatCount(Math.round(vacuumThresholdRows(settings, liveRows)))
  const seen = visitsSeen(run, table)
  return {
    id: 'F1',
    title: 'Dead rows from which autovacuum comes',
    target: run.target,
    documented:
      'threshold + scale × live rows: 50 + 0.2 n by default, 100 + 0.01 n for an outbox; PostgreSQL 18 caps it',
    inputs: `table ${table}: the parameters of its own and the rows that the server last counted; the server’s settings alone, ${formatCount(thresholdRows)} + ${formatNumber(scaleRatio)} × ${formatCount(Math.round(liveRows))} live rows${cap}, would make it ${byServer}`,
    unit: 'rows',
    ...seen,
    predicted: seen.predicted ?? threshold,
  }
}

type VisitsSeen = Pick<FormulaFinding, 'measured' | 'verdict' | 'because'> & {
  /** null where autovacuum did not come: then the threshold of the whole run. */
  readonly predicted: number | null
}

/** Dead rows are looked at every few seconds, so a peak is at most what was there when autovacuum came. */
function visitsSeen(run: FormulaRun, table: string): VisitsSeen {
  const notTested = (because: string): VisitsSeen => ({
    predicted: null,
    measured: null,
    verdict: 'not-tested',
    because,
  })
  if (run.labels('partition.count').includes(table)) {
    return notTested('autovacuum comes to each partition by itself, and they are counted together')
  }
  const visited = peaksOf(
    run,
    table,
    ({ metrics }) => (metrics[`table.autovacuums{${table}}`] ?? 0) > 0,
  )
  const predicted = medianOf(
    visited.flatMap(({ metrics }) => metrics[`table.vacuumThresholdRows{${table}}`] ?? []),
  )
  const peakRows = medianOf(visited.map((one) => one.peakRows))
  if (predicted === null || peakRows === null) {
    const peak = run.worst(`table.deadRows{${table}}`)
    const rows = peak === null ? 'an unknown number' : formatCount(Math.round(peak))
    return notTested(
      `autovacuum finished no visit in ${formatDurationS(run.measuredS)}; dead rows peaked at ${rows}`,
    )
  }
  const napS = naptimeS(run.server)
  const perS = medianOf(visited.map((one) => deadRowsPerS(one, table))) ?? 0
  const latest = predicted + perS * napS
  const peak = `dead rows peaked at ${formatCount(Math.round(peakRows))} where autovacuum came`
  const atMostRows = peakRows + perS * TABLES_EVERY_S
  if (atMostRows < predicted * (1 - HELD_WITHIN_RATIO)) {
    const few = `${peak}, at most ${formatCount(Math.round(atMostRows))} with what gathers in the ${formatDurationS(TABLES_EVERY_S)} between two looks, fewer than the threshold`
    if (insertsMayBring(run, table, visited)) {
      return notTested(
        `${few}: so many inserts bring it as well (autovacuum_vacuum_insert_threshold and _scale_factor)`,
      )
    }
    return {
      ...{ predicted, measured: peakRows, verdict: 'did-not-hold' },
      because: `${few}, and too few rows were inserted to bring it`,
    }
  }
  const isInTime = peakRows <= latest * (1 + HELD_WITHIN_RATIO)
  const bound = `the threshold and what gathers in a naptime of ${formatDurationS(napS)} make ${formatCount(Math.round(latest))}`
  return {
    ...{ predicted, measured: peakRows, verdict: isInTime ? 'held' : 'did-not-hold' },
    because: isInTime
      ? `${peak}: ${bound}`
      : `${peak}, but ${bound}: visits came late or took long, or an old snapshot kept the rows`,
  }
}

/**
 * By the server's settings, for a table's own are not recorded, and its live rows: PostgreSQL 18 leaves frozen pages out of
 * them, which a table whose rows die has hardly any of. An unknown count may have been enough.
 */
function insertsMayBring(run: FormulaRun, table: string, visited: readonly Stretch[]): boolean {
  const threshold = insertThresholdRows(run.server, run.middle(`table.liveRows{${table}}`) ?? 0)
  if (threshold === null) return false
  return visited.some((stretch) => {
    const seen = stretch.worst[`table.insertsSinceVacuum{${table}}`]
    if (seen === undefined) return true
    return seen + insertedRowsPerS(stretch, table) * TABLES_EVERY_S >= threshold
  })
}
