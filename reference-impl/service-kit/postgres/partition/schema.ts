/**
 * The partitioned table as statements. In: settings, a schema variant, the moment. Out: the parts of the schema file that
 * apply, and the partitions that are there from the start, in scripts that no lock table is too small for.
 */
import { boundsOf, partitionName, rangesAround } from './ranges.ts'
import type { PartitionSettings } from './settings.ts'
import { aheadOf, intervalOf } from './settings.ts'

/** Every partition and each of its indexes is locked until its script commits. */
const PARTITIONS_PER_SCRIPT = 50

/** @param ownDatabase a publication belongs to its database: in one that is shared it would outlive the run */
export function schemaParts(
  { partitionBy, dedup, outOfRange, publication }: PartitionSettings,
  ownDatabase: boolean,
): readonly string[] {
  const byHash = partitionBy === 'hash'
  return [
    byHash ? 'hash' : 'range',
    ...(dedup === 'identity-table' ? ['identity-table'] : []),
    ...(dedup === 'key' ? [byHash ? 'hash-key' : 'range-key'] : []),
    ...(!byHash && outOfRange === 'default-partition' ? ['default-partition'] : []),
    ...(publication && ownDatabase ? ['publication'] : []),
  ]
}

export function partitionScripts(settings: PartitionSettings, now: Date): readonly string[] {
  const statements = [...identityPartitions(settings), ...eventPartitions(settings, now)]
  const scripts: string[] = []
  for (let from = 0; from < statements.length; from += PARTITIONS_PER_SCRIPT) {
    scripts.push(statements.slice(from, from + PARTITIONS_PER_SCRIPT).join(';\n'))
  }
  return scripts
}

/** Those of the table of identities; none where there is none. */
export function identityPartitions({
  dedup,
  identityPartitions: count,
}: Pick<PartitionSettings, 'dedup' | 'identityPartitions'>): readonly string[] {
  return dedup === 'identity-table' ? hashPartitions('event_identities', count) : []
}

function eventPartitions(settings: PartitionSettings, now: Date): readonly string[] {
  const { partitions } = settings
  const interval = intervalOf(settings)
  if (interval === null) return hashPartitions('events', partitions)
  const ahead = aheadOf(settings)
  return rangesAround(interval, now, { behind: partitions - 1 - ahead, ahead }).map(
    (range) =>
      `CREATE TABLE ${partitionName(interval, range)} PARTITION OF events FOR VALUES ${boundsOf(range)}`,
  )
}

function hashPartitions(table: string, count: number): readonly string[] {
  return Array.from(
    { length: count },
    (_, index) =>
      `CREATE TABLE ${table}_${String(index)} PARTITION OF ${table}
       FOR VALUES WITH (MODULUS ${String(count)}, REMAINDER ${String(index)})`,
  )
}
