/**
 * What F1 and F13 both go by: the table whose rows die, how many in a second, and their peaks. In: a run's rounds. Out:
 * stretches of them, a measured step each.
 */
import type { Step } from '../../results/record.ts'
import { measuredSteps } from '../evidence.ts'
import type { Round } from '../evidence.ts'
import type { FormulaRun } from './formula-run.ts'

/** Between two looks at the tables: a peak that was seen may be older by as much. */
export const TABLES_EVERY_S = 5

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

export function middlePerEvent(run: FormulaRun, table: string): number {
  return deadRowsPerEvent(table, (key) => run.middle(key)) ?? 0
}

/** One measured step, or a whole round whose steps were not told apart. */
export interface Stretch {
  readonly metrics: Readonly<Record<string, number>>
  readonly worst: Readonly<Record<string, number>>
  readonly seconds: number
  /** Without those that were there already: they leave no row, and rows per event are of these alone. */
  readonly acceptedPerS: number
}

function stretchesOf(round: Round): readonly Stretch[] {
  const steps = measuredSteps(round)
  if (steps.length <= 1) return [wholeOf(round)]
  return steps.map((step) => ({
    metrics: step.metrics,
    worst: step.worst ?? {},
    ...lengthOf([step]),
  }))
}

export function wholeOf(round: Round): Stretch {
  const { metrics, worst } = round.measured
  return { metrics, worst, ...lengthOf(measuredSteps(round)) }
}

function lengthOf(steps: readonly Step[]): Pick<Stretch, 'seconds' | 'acceptedPerS'> {
  const seconds = steps.reduce((sum, step) => sum + step.toMs - step.fromMs, 0) / 1e3
  const accepted = steps.reduce((sum, { counts }) => sum + counts.accepted, 0)
  return { seconds, acceptedPerS: seconds > 0 ? accepted / seconds : 0 }
}

export function deadRowsPerS({ metrics, acceptedPerS }: Stretch, table: string): number {
  return (deadRowsPerEvent(table, (key) => metrics[key]) ?? 0) * acceptedPerS
}

export function insertedRowsPerS({ metrics, acceptedPerS }: Stretch, table: string): number {
  return (metrics[`table.insertedRowsPerEvent{${table}}`] ?? 0) * acceptedPerS
}

/** Of each round the stretch with the most dead rows among those that are asked for. */
export function peaksOf(
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
