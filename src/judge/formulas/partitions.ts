/** F9: how many partitions a year takes, and how many rows and bytes fall into one of them. */
import { formatBytes, formatCount, formatMany, formatRate } from '../../kit/units.ts'
import { partitionsPerYear, rowsPerPartition } from '../../plan/formulas.ts'
import { partitionIntervalOf } from '../partition-interval.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

/** A run is shorter than any interval, so how many partitions there were is what was made ahead, and no measure of it. */
export function partitions(run: FormulaRun): FormulaFinding | null {
  const [round] = run.rounds
  const interval = round === undefined ? null : partitionIntervalOf(round.run)
  if (interval === null) return null
  const { ratePerS } = run.study.profile
  const rows = rowsPerPartition(ratePerS, interval)
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
    inputs: `${interval} partitions at the declared ${formatRate(ratePerS)}`,
    unit: 'partitions',
    predicted: partitionsPerYear(interval),
    measured: null,
    verdict: 'not-tested',
    because: `no run lasts a year; at the declared rate a partition takes ${formatMany(rows)} rows: ${bytes}${madeAhead(run)}`,
  }
}

function storedBytesPerEvent(run: FormulaRun): number | null {
  const [store] = run.labels('store.bytesPerEvent').filter((name) => name.startsWith('postgres'))
  return store === undefined ? null : run.middle(`store.bytesPerEvent{${store}}`)
}

function madeAhead(run: FormulaRun): string {
  const counts = run
    .labels('partition.count')
    .flatMap((table) => run.middle(`partition.count{${table}}`) ?? [])
  if (counts.length === 0) return ''
  return `; here ${formatCount(Math.round(Math.max(...counts)))} were there at once`
}
