/**
 * How long a partition is, and what it is cut into. In: a run's architecture and its settings. Out: the interval and its
 * parts by hash; null where there is no interval.
 */
import { formatCount } from '../kit/units.ts'
import type { PartitionInterval, PartitionLayout } from '../plan/formulas.ts'
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
  '30 days': '30-day',
  month: 'monthly',
  monthly: 'monthly',
  '1 month': 'monthly',
}

/** Parts of each interval: `spacePartitions` of a hypertable, `hashShards` of eav. */
const PARTS = ['spacePartitions', 'hashShards'] as const

/** Architectures name it differently: a table's `partitions`, a hypertable's `chunkInterval`. */
export function partitionLayoutOf({
  architecture,
}: Pick<RunRecord, 'architecture'>): PartitionLayout | null {
  for (const [name, value] of Object.entries(architecture.settings)) {
    if (!/partition|chunk|interval/i.test(name) || typeof value !== 'string') continue
    const interval = NAMES[value.toLowerCase()]
    if (interval !== undefined) return { interval, parts: partsOf(architecture.settings) }
  }
  return null
}

function partsOf(settings: Readonly<Record<string, unknown>>): number {
  const given = PARTS.map((name) => settings[name]).find((value) => typeof value === 'number')
  return given ?? 1
}

/** `daily partitions, each in 4 parts by hash,` */
export function layoutInWords({ interval, parts }: PartitionLayout): string {
  const cut = parts === 1 ? '' : `, each in ${formatCount(parts)} parts by hash,`
  return `${interval} partitions${cut}`
}

/** Its partitions have no interval: rows go by the hash of a column. */
export function isByHash({ architecture }: Pick<RunRecord, 'architecture'>): boolean {
  return architecture.settings['partitionBy'] === 'hash'
}
