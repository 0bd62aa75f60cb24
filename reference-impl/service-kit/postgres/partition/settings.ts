/** What may be set of a partitioned events table, and what follows from it. */
import { z } from 'zod'
import type { Need } from '../../../../src/architecture/architecture.ts'
import type { EngineFacts } from '../../../../src/engines/engine.ts'
import type { Identity } from '../statements.ts'
import type { MaintenanceOptions } from './maintenance.ts'
import type { Interval, PartitionMaker } from './ranges.ts'
import { INTERVALS } from './ranges.ts'

const PARTMAN = 'pg_partman'

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
    .describe(
      'Past ranges that are kept; older ones are dropped whole, and older events rejected. null keeps all.',
    ),
  outOfRange: z
    .enum(['default-partition', 'reject'])
    .default('default-partition')
    .describe(
      'A row that fits no range waits in a default partition and is counted, or is rejected.',
    ),
  dedup: z
    .enum(['identity-table', 'key', 'redis-window', 'none'])
    .default('identity-table')
    .describe(
      'A table of identities in the same transaction, a unique key that holds the partition key, a window in Redis, or nothing.',
    ),
  dedupWindowS: z
    .int()
    .positive()
    .max(2_592_000)
    .default(3_600)
    .describe('How long Redis remembers an identity after its commit (dedup: redis-window).'),
  dedupTimeoutMs: z
    .int()
    .positive()
    .max(10_000)
    .default(250)
    .describe(
      'Longest that Redis may take before events are stored without it (dedup: redis-window).',
    ),
  identityPartitions: z
    .int()
    .positive()
    .max(1_000)
    .default(8)
    .describe('HASH partitions of the table of identities.'),
  maintenance: z
    .enum(['auto', 'pg_partman', 'own'])
    .default('auto')
    .describe(
      'Who makes partitions ahead and drops old ones: pg_partman, the worker itself, or auto: pg_partman where the server has it.',
    ),
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
    // No unique index: what Redis does not tell is stored again.
    case 'redis-window':
    case 'none':
      return 'kept'
  }
}

/** pg_partman keeps ranges only, and at least one ahead. */
function suitsPartman(settings: PartitionSettings): boolean {
  return intervalOf(settings) !== null && aheadOf(settings) > 0
}

/** Settings that contradict each other, told where they stand. */
export function checkMaintenance(
  settings: PartitionSettings,
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  if (settings.maintenance !== 'pg_partman' || suitsPartman(settings)) return
  const message =
    intervalOf(settings) === null
      ? 'pg_partman makes ranges of time, and partitionBy is hash: leave maintenance out'
      : 'pg_partman keeps at least one partition ahead: set partitionsAhead to 1 or more and partitions above it, or maintenance: own'
  context.addIssue({ code: 'custom', path: ['maintenance'], message })
}

/** What is asked of the server for it. */
export function partmanNeed(
  settings: PartitionSettings,
): Pick<Need, 'extensions'> | Pick<Need, 'wants'> {
  const { maintenance } = settings
  if (maintenance === 'own' || !suitsPartman(settings)) return {}
  return maintenance === 'pg_partman' ? { extensions: [PARTMAN] } : { wants: [PARTMAN] }
}

export interface MakerChoice {
  /** null where partitions neither come nor go. */
  readonly maker: PartitionMaker | null
  /** Sentences without a full stop. */
  readonly decided: readonly string[]
}

/** @param server whose database may be shared: what pg_partman is told there would outlive the run */
export function makerOf(
  settings: PartitionSettings,
  { facts, isShared }: { readonly facts: EngineFacts | undefined; readonly isShared: boolean },
): MakerChoice {
  const { maintenance } = settings
  if (intervalOf(settings) === null) return { maker: null, decided: [] }
  const version = facts?.[PARTMAN]
  const byPartman = `partitions are made ahead and dropped by pg_partman ${version ?? ''}`.trimEnd()
  const byWorker = 'partitions are made ahead and dropped by the worker itself'
  const chosen = `(maintenance: ${maintenance})`
  if (maintenance === 'pg_partman') {
    return { maker: 'pg_partman', decided: [`${byPartman} ${chosen}`] }
  }
  if (maintenance === 'own') return { maker: 'own', decided: [`${byWorker} ${chosen}`] }
  const because = isShared
    ? 'the database is shared with others'
    : !suitsPartman(settings)
      ? 'pg_partman keeps at least one ahead, and none is asked for'
      : version === undefined
        ? 'this server has no pg_partman'
        : null
  return because === null
    ? { maker: 'pg_partman', decided: [`${byPartman} ${chosen}`] }
    : { maker: 'own', decided: [`${byWorker}: ${because} ${chosen}`] }
}

/** null where partitions neither come nor go. */
export function maintenanceOf(
  settings: PartitionSettings,
  maker: PartitionMaker | null,
): MaintenanceOptions | null {
  const interval = intervalOf(settings)
  if (interval === null || maker === null) return null
  return {
    maker,
    interval,
    ahead: aheadOf(settings),
    retain: settings.retainPartitions,
    hasDefault: settings.outOfRange === 'default-partition',
    hasIdentities: settings.dedup === 'identity-table',
  }
}
