/** What may be set of a partitioned events table, and what follows from it. */
import { z } from 'zod'
import type { Identity } from '../statements.ts'
import type { MaintenanceOptions } from './maintenance.ts'
import type { Interval } from './ranges.ts'
import { INTERVALS } from './ranges.ts'

export const partitionSettings = {
  partitionBy: z
    .enum([...INTERVALS, 'hash'])
    .default('day')
    .describe('Ranges of the timestamp, or HASH of the organization.'),
  partitions: z
    .int()
    .positive()
    .max(5_000)
    .default(12)
    .describe('How many there are at the start; ranges end with those kept ahead.'),
  partitionsAhead: z
    .int()
    .nonnegative()
    .max(1_000)
    .default(3)
    .describe(
      'Ranges that the worker keeps ready behind the current one; fewer where partitions says fewer.',
    ),
  retainPartitions: z
    .int()
    .nonnegative()
    .nullable()
    .default(null)
    .describe('Past ranges that are kept; older ones are dropped whole. null keeps all.'),
  outOfRange: z
    .enum(['default-partition', 'reject'])
    .default('default-partition')
    .describe(
      'A row that fits no range waits in a default partition and is counted, or is rejected.',
    ),
  dedup: z
    .enum(['identity-table', 'key', 'none'])
    .default('identity-table')
    .describe(
      'A table of identities in the same transaction, a unique key that holds the partition key, or nothing.',
    ),
  identityPartitions: z
    .int()
    .positive()
    .max(1_000)
    .default(8)
    .describe('HASH partitions of the table of identities.'),
  maintenanceEveryS: z
    .number()
    .positive()
    .max(86_400)
    .default(10)
    .describe('How often the worker looks after the partitions.'),
  publication: z
    .boolean()
    .default(true)
    .describe('Publish inserts through the root, for change data capture.'),
}
export type PartitionSettings = z.infer<z.ZodObject<typeof partitionSettings>>

export function intervalOf({ partitionBy }: PartitionSettings): Interval | null {
  return partitionBy === 'hash' ? null : partitionBy
}

/** One of them is the current one. */
export function aheadOf({ partitions, partitionsAhead }: PartitionSettings): number {
  return Math.min(partitionsAhead, partitions - 1)
}

export function identityOf({ partitionBy, dedup }: PartitionSettings): Identity {
  switch (dedup) {
    case 'identity-table':
      return 'identity-table'
    case 'key':
      return partitionBy === 'hash' ? 'first-wins' : 'first-wins-per-time'
    case 'none':
      return 'kept'
  }
}

/** null where partitions neither come nor go. */
export function maintenanceOf(settings: PartitionSettings): MaintenanceOptions | null {
  const interval = intervalOf(settings)
  if (interval === null) return null
  return {
    interval,
    ahead: aheadOf(settings),
    retain: settings.retainPartitions,
    hasDefault: settings.outOfRange === 'default-partition',
    hasIdentities: settings.dedup === 'identity-table',
  }
}
