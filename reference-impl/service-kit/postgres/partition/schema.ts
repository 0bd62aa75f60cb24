/**
 * The partitioned table as statements. In: settings, a schema variant, the moment. Out: the parts of the schema file that
 * apply, and the partitions that are there from the start, in scripts that no lock table is too small for.
 */
import type { PartitionMaker } from './ranges.ts'
import { boundsOf, partitionName, rangesAround } from './ranges.ts'
import { partmanScripts } from './partman.ts'
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

export function partitionScripts(
  settings: PartitionSettings,
  maker: PartitionMaker | null,
  now: Date,
): readonly string[] {
  const statements = [...identityPartitions(settings), ...eventPartitions(settings, maker, now)]
  const scripts: string[] = []
  for (let from = 0; from < statements.length; from += PARTITIONS_PER_SCRIPT) {
    scripts.push(statements.slice(from, from + PARTITIONS_PER_SCRIPT).join(';\n'))
  }
  const interval = intervalOf(settings)
  return maker === 'pg_partman' && interval !== null
    ? [...scripts, ...partmanScripts(settings, interval, now)]
    : scripts
}

/** Those of the table of identities; none where there is none. */
export function identityPartitions({
  dedup,
  identityPartitions: count,
}: Pick<PartitionSettings, 'dedup' | 'identityPartitions'>): readonly string[] {
  return dedup === 'identity-table' ? hashPartitions('event_identities', count) : []
}

function eventPartitions(
  settings: PartitionSettings,
  maker: PartitionMaker | null,
  now: Date,
): readonly string[] {
  const { partitions } = settings
  const interval = intervalOf(settings)
  if (interval === null) return hashPartitions('events', partitions)
  const ahead = aheadOf(settings)
  const all = rangesAround(interval, now, { behind: partitions - 1 - ahead, ahead })
  // pg_partman makes the current one and those ahead.
  const made = maker === 'pg_partman' ? all.slice(0, -1 - ahead) : all
  return made.map(
    (range) =>
      `CREATE TABLE ${partitionName(interval, range, maker ?? 'own')} PARTITION OF events FOR VALUES ${boundsOf(range)}`,
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
