/** F9: how many partitions a year takes, and how many rows and bytes fall into one of them. */
import { formatBytes, formatCount, formatMany, formatRate } from '../../kit/units.ts'
import { partitionsPerYear, rowsPerPartition } from '../../plan/formulas.ts'
import { layoutInWords, partitionLayoutOf } from '../partition-interval.ts'
import { repeatsInWords } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

/** A run is shorter than any interval, so how many partitions there were is what was made ahead, and no measure of it. */
export function partitions(run: FormulaRun): FormulaFinding | null {
  const [round] = run.rounds
  const layout = round === undefined ? null : partitionLayoutOf(round.run)
  if (layout === null) return null
  const { ratePerS } = run.study.profile
  const rows = rowsPerPartition(ratePerS * run.newEventsRatio, layout)
  const perEvent = storedBytesPerEvent(run)
  const bytes =
    perEvent === null
      ? 'bytes are not known: no store was sized'
      : `${formatBytes(rows * perEvent)} with indexes, at the ${formatBytes(perEvent)} that an event took here`
  return {
    id: 'F9',
    title: 'Partitions per year',
    target: run.target,
    documented: '365 daily, 52 weekly, 12 monthly',
    inputs: `${layoutInWords(layout)} at the declared ${formatRate(ratePerS)}${repeatsInWords(run.newEventsRatio)}`,
    unit: 'partitions',
    predicted: partitionsPerYear(layout),
    measured: null,
    verdict: 'not-tested',
    because: `no run lasts a year; at the declared rate a partition takes ${formatMany(rows)} rows: ${bytes}${madeAhead(run, layout.parts)}`,
  }
}

function storedBytesPerEvent(run: FormulaRun): number | null {
  const [store] = run.labels('store.bytesPerEvent').filter((name) => name.startsWith('postgres'))
  return store === undefined ? null : run.middle(`store.bytesPerEvent{${store}}`)
}

/** Of tables by ranges of time alone: a table of identities has partitions by hash beside them. */
function madeAhead(run: FormulaRun, parts: number): string {
  const counts = run
    .labels('partition.ahead')
    .flatMap((table) => run.middle(`partition.count{${table}}`) ?? [])
  if (counts.length === 0) return ''
  return `; here ${formatCount(Math.round(Math.max(...counts) * parts))} were there at once`
}
