/** F1 and F13: when autovacuum comes, and how many dead rows gather until then. */
import { formatCount, formatDurationS, formatNumber, formatRate } from '../../kit/units.ts'
import {
  DEAD_ROWS_PER_EVENT,
  deadRowsBetweenVisits,
  vacuumThresholdRows,
} from '../../plan/formulas.ts'
import { insertThresholdRows, naptimeS, vacuumSettings } from '../../plan/postgres-settings.ts'
import { measuredSteps } from '../evidence.ts'
import type { Round } from '../evidence.ts'
import { medianOf } from '../statistics.ts'
import { HELD_WITHIN_RATIO, compared } from './finding.ts'
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

/** One measured step, or a whole round whose steps were not told apart. */
interface Stretch {
  readonly metrics: Readonly<Record<string, number>>
  readonly worst: Readonly<Record<string, number>>
  readonly seconds: number
}

function stretchesOf(round: Round): readonly Stretch[] {
  const steps = measuredSteps(round)
  const seconds = steps.reduce((sum, step) => sum + step.toMs - step.fromMs, 0) / 1e3
  const { metrics, worst } = round.measured
  if (steps.length <= 1) return [{ metrics, worst, seconds }]
  return steps.map((step) => ({
    metrics: step.metrics,
    worst: step.worst ?? {},
    seconds: (step.toMs - step.fromMs) / 1e3,
  }))
}

/** Of each round the stretch with the most dead rows among those that are asked for. */
function peaksOf(
  run: FormulaRun,
  table: string,
  isAsked: (stretch: Stretch) => boolean,
): readonly (Stretch & { readonly peakRows: number })[] {
  return run.rounds.flatMap((round) => {
    const found = stretchesOf(round).flatMap((stretch) => {
      const peakRows = stretch.worst[`table.deadRows{${table}}`]
      return peakRows === undefined || !isAsked(stretch) ? [] : [{ ...stretch, peakRows }]
    })
    return found.sort((a, b) => b.peakRows - a.peakRows).slice(0, 1)
  })
}

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

/** Dead rows are looked at every few seconds, so a peak is at least what was there when autovacuum came. */
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
  const perS = medianOf(visited.map(({ metrics }) => deadRowsPerS(metrics, table))) ?? 0
  const latest = predicted + perS * napS
  const peak = `dead rows peaked at ${formatCount(Math.round(peakRows))} where autovacuum came`
  if (peakRows < predicted * (1 - HELD_WITHIN_RATIO)) {
    if (insertsMayBring(run, table)) {
      return notTested(
        `${peak}, fewer than the threshold: so many inserts bring it as well (autovacuum_vacuum_insert_threshold)`,
      )
    }
    return {
      ...{ predicted, measured: peakRows, verdict: 'did-not-hold' },
      because: `${peak}, fewer than the threshold, and too few rows were inserted to bring it`,
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

function deadRowsPerS(metrics: Stretch['metrics'], table: string): number {
  const perEvent = deadRowsPerEvent(table, (key) => metrics[key]) ?? 0
  return perEvent * (metrics['rate.acceptedEventsPerS'] ?? 0)
}

/** By the server's settings. An unknown count may have been enough. */
function insertsMayBring(run: FormulaRun, table: string): boolean {
  const inserted = run.worst(`table.insertsSinceVacuum{${table}}`)
  const threshold = insertThresholdRows(run.server)
  return threshold !== null && (inserted === null || inserted >= threshold)
}

export function deadRows(run: FormulaRun): FormulaFinding | null {
  const { acceptedPerS } = run
  const table = outdatedTable(run)
  if (table === null || acceptedPerS === null) return null
  const perEvent = middlePerEvent(run, table)
  const napS = naptimeS(run.server)
  const { ratePerS } = run.study.profile
  const declared = deadRowsBetweenVisits(ratePerS, perEvent, napS)
  const long = peaksOf(run, table, ({ seconds }) => seconds > napS)
  const peakRows = medianOf(long.map((one) => one.peakRows))
  const atPerS =
    medianOf(long.flatMap(({ metrics }) => metrics['rate.acceptedEventsPerS'] ?? [])) ??
    acceptedPerS
  const predicted = deadRowsBetweenVisits(atPerS, DEAD_ROWS_PER_EVENT, napS)
  const comparison =
    peakRows === null
      ? notSeen(run, { table, predicted, napS })
      : withPruning(run, table, compared(predicted, peakRows))
  return {
    id: 'F13',
    title: 'Dead rows between two visits of autovacuum',
    target: run.target,
    documented: '2 × events/s × autovacuum_naptime: 1.2 million at 10,000 events/s and 60 s',
    inputs: `table ${table}: ${formatRate(atPerS)}, naptime ${formatDurationS(napS)}; ${formatNumber(perEvent)} rows updated or deleted per event`,
    unit: 'rows',
    ...comparison,
    because: `${comparison.because}; by the rows updated or deleted here, ${formatCount(Math.round(declared))} gather at the declared ${formatRate(ratePerS)}`,
  }
}

type Comparison = Pick<FormulaFinding, 'predicted' | 'measured' | 'verdict' | 'because'>

interface NotSeen {
  readonly table: string
  readonly predicted: number
  readonly napS: number
}

function notSeen(run: FormulaRun, { table, predicted, napS }: NotSeen): Comparison {
  const peak = run.worst(`table.deadRows{${table}}`)
  const rows =
    peak === null ? '' : `, in which dead rows peaked at ${formatCount(Math.round(peak))}`
  return {
    ...{ predicted, measured: null, verdict: 'not-tested' },
    because: `no rate was held for longer than ${formatDurationS(napS)}, so no two visits lie within one; ${formatDurationS(run.measuredS)} were measured${rows}`,
  }
}

/** A page's dead heap-only rows are removed by whoever writes to it next, without any visit. */
function withPruning(run: FormulaRun, table: string, comparison: Comparison): Comparison {
  const hot = run.middle(`table.hotUpdateRatio{${table}}`) ?? 0
  if (hot <= 0 || comparison.measured === null || comparison.measured >= comparison.predicted) {
    return comparison
  }
  const because = `${comparison.because}: ${formatNumber(hot * 100)} % of the updates were HOT, and their dead rows are pruned without a visit`
  return { ...comparison, because }
}
