/** F13: how many dead rows gather between two visits of autovacuum. */
import { formatCount, formatDurationS, formatNumber, formatRate } from '../../kit/units.ts'
import { DEAD_ROWS_PER_EVENT, deadRowsBetweenVisits } from '../../plan/formulas.ts'
import { naptimeS } from '../../plan/postgres-settings.ts'
import { medianOf } from '../statistics.ts'
import {
  TABLES_EVERY_S,
  deadRowsPerS,
  middlePerEvent,
  outdatedTable,
  peaksOf,
  wholeOf,
} from './dead-rows.ts'
import type { Stretch } from './dead-rows.ts'
import { HELD_WITHIN_RATIO, compared } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

export function deadRows(run: FormulaRun): FormulaFinding | null {
  const { acceptedPerS } = run
  const table = outdatedTable(run)
  if (table === null || acceptedPerS === null) return null
  const perEvent = middlePerEvent(run, table)
  const napS = naptimeS(run.server)
  const { ratePerS } = run.study.profile
  const declared = deadRowsBetweenVisits(ratePerS * run.newEventsRatio, perEvent, napS)
  const long = peaksOf(run, table, (stretch) => holdsWholeGap(run, table, stretch))
  const peakRows = medianOf(long.map((one) => one.peakRows))
  const atPerS =
    medianOf(long.map((one) => one.acceptedPerS)) ??
    medianOf(run.rounds.map((round) => wholeOf(round).acceptedPerS)) ??
    acceptedPerS
  const predicted = deadRowsBetweenVisits(atPerS, DEAD_ROWS_PER_EVENT, napS)
  const comparison =
    peakRows === null
      ? notSeen(run, { table, predicted, napS })
      : seenWithin(run, table, {
          ...compared(predicted, peakRows),
          perS: medianOf(long.map((one) => deadRowsPerS(one, table))) ?? 0,
        })
  return {
    id: 'F13',
    title: 'Dead rows between two visits of autovacuum',
    target: run.target,
    documented: '2 × events/s × autovacuum_naptime: 1.2 million at 10,000 events/s and 60 s',
    inputs: `table ${table}: ${formatRate(atPerS)}, naptime ${formatDurationS(napS)}; ${formatNumber(perEvent)} rows updated or deleted per accepted event`,
    unit: 'rows',
    ...comparison,
    because: `${comparison.because}; by the rows updated or deleted here, ${formatCount(Math.round(declared))} gather at the declared ${formatRate(ratePerS)}`,
  }
}

/** Visits come at any moment of a stretch: only in two naptimes there is room for two, and for all that gathers between. */
function holdsWholeGap(run: FormulaRun, table: string, { metrics, seconds }: Stretch): boolean {
  if (seconds >= 2 * naptimeS(run.server)) return true
  // Those of partitions are counted together, so two of them may be of one visit each.
  const isCountedAlone = !run.labels('partition.count').includes(table)
  return isCountedAlone && (metrics[`table.autovacuums{${table}}`] ?? 0) >= 2
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
    because: `no rate was held for twice the naptime of ${formatDurationS(napS)}, and autovacuum was not seen twice at any, so none need have in it all that gathers between two visits; ${formatDurationS(run.measuredS)} were measured${rows}`,
  }
}

interface Seen extends ReturnType<typeof compared> {
  /** Dead rows. */
  readonly perS: number
}

/** A peak is at most what was there: fewer than predicted says nothing where the rest may have come and gone unseen. */
function seenWithin(run: FormulaRun, table: string, { perS, ...comparison }: Seen): Comparison {
  const { predicted, measured, verdict, because } = comparison
  const unseenRows = perS * TABLES_EVERY_S
  const isFewer = verdict === 'did-not-hold' && measured < predicted
  if (!isFewer || measured + unseenRows < predicted * (1 - HELD_WITHIN_RATIO)) {
    return withPruning(run, table, comparison)
  }
  const looks = `tables are looked at every ${formatDurationS(TABLES_EVERY_S)}, in which ${formatCount(Math.round(unseenRows))} more gather`
  return { ...comparison, verdict: 'not-tested', because: `${because}, but ${looks}` }
}

/** A page's dead heap-only rows are removed by whoever writes to it next, without any visit. */
function withPruning(
  run: FormulaRun,
  table: string,
  comparison: ReturnType<typeof compared>,
): Comparison {
  const hot = run.middle(`table.hotUpdateRatio{${table}}`) ?? 0
  if (hot <= 0 || comparison.measured >= comparison.predicted) return comparison
  const because = `${comparison.because}: ${formatNumber(hot * 100)} % of the updates were HOT, and their dead rows are pruned without a visit`
  return { ...comparison, because }
}
