/** How long a partition is. In: a run's architecture and its settings. Out: the interval; null where there is none. */
import type { PartitionInterval } from '../plan/formulas.ts'
import type { RunRecord } from '../results/record.ts'

const NAMES: Readonly<Record<string, PartitionInterval>> = {
  hour: 'hourly',
  hourly: 'hourly',
  '1 hour': 'hourly',
  day: 'daily',
  daily: 'daily',
  '1 day': 'daily',
  week: 'weekly',
  weekly: 'weekly',
  '7 days': 'weekly',
  month: 'monthly',
  monthly: 'monthly',
  '1 month': 'monthly',
}

/** Architectures name it differently: a table's `partitions`, a hypertable's `chunkInterval`. */
export function partitionIntervalOf(
  run: Pick<RunRecord, 'architecture'>,
): PartitionInterval | null {
  for (const [name, value] of Object.entries(run.architecture.settings)) {
    if (!/partition|chunk|interval/i.test(name) || typeof value !== 'string') continue
    const interval = NAMES[value.toLowerCase()]
    if (interval !== undefined) return interval
  }
  return null
}

/** Its partitions have no interval: rows go by the hash of a column. */
export function isByHash({ architecture }: Pick<RunRecord, 'architecture'>): boolean {
  return architecture.settings['partitionBy'] === 'hash'
}
