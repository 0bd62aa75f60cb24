/** pg-partitioned (B2): pg-batch's writing into partitions that a worker makes ahead of time and drops when they are old. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import type { ArchitectureContext, LaunchedPart } from '../../src/architecture/architecture.ts'
import type { StoringEngine } from '../../src/engines/engine.ts'
import { windowWords } from '../service-kit/dedup/words.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import {
  checkFreshness,
  freshnessSettings,
  readReplicas,
} from '../service-kit/freshness/settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { freshnessProbe } from '../service-kit/metrics-probe.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import { IDENTITY_TABLE, repeatWords } from '../service-kit/postgres/identities.ts'
import { partitionScripts, schemaParts } from '../service-kit/postgres/partition/schema.ts'
import type { PartitionMaker } from '../service-kit/postgres/partition/ranges.ts'
import {
  checkMaintenance,
  identityOf,
  intervalOf,
  maintenanceOf,
  makerOf,
  partitionSettings,
  partmanNeed,
} from '../service-kit/postgres/partition/settings.ts'
import {
  applyHeartbeat,
  READ_REPLICAS,
  replicaStores,
  replicatedPromise,
} from '../service-kit/postgres/read-replicas.ts'
import {
  commitWords,
  POSTGRES_STORE,
  postgresPromise,
} from '../../src/architecture/commit-promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { retentionWords } from '../service-kit/retention.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const settings = z
  .strictObject({
    ...edgeSettings,
    ...postgresBatchSettings,
    ...partitionSettings,
    readReplicas,
    ...freshnessSettings,
  })
  .superRefine(checkMaintenance)
  .superRefine(checkFreshness)
export type PgPartitionedSettings = z.infer<typeof settings>

export const pgPartitioned = defineArchitecture({
  id: 'pg-partitioned',
  title: 'PostgreSQL, time partitions',
  documents: ['A2', 'A19', 'B2', 'B13', 'C2', 'C3', 'E17', 'E18', 'F9', 'H9'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: {
    database: { kind: 'postgres', wants: ['pg_partman'] },
    dedup: { kind: 'redis', optional: true },
    replica: { ...READ_REPLICAS, optional: true },
  },
  needsWith: (settings) => ({
    database: { kind: 'postgres', ...partmanNeed(settings) },
    ...(settings.dedup === 'redis-window' ? { dedup: 'redis' } : {}),
    ...(settings.readReplicas ? { replica: READ_REPLICAS } : {}),
  }),
  alongside: ['worker'],
  schemaVariants: ['default', 'lean'],
  settings,

  batches: () => true,

  promises: (settings, { database, replica = [] }) => {
    const promise = postgresPromise(database)
    const { outOfRange, partitionBy } = settings
    const kept = identityOf(settings) === 'kept'
    const rejects = partitionBy !== 'hash' && outOfRange === 'reject'
    const { waits, stores } = replicatedPromise(
      kept ? { ...promise, delivery: 'at-least-once', duplicates: 'kept' } : promise,
      database,
      settings.readReplicas ? replica.length : 0,
    )
    return {
      ack: [
        `Every accepted event is ${commitWords(database)} in PostgreSQL, together with its batch${waits}`,
        ...(settings.dedup === 'redis-window'
          ? windowWords(settings)
          : repeatWords(identityOf(settings))),
        ...(rejects ? ['one outside of all ranges is rejected'] : []),
        ...retained(settings),
      ]
        .join('; ')
        .concat('.'),
      stores,
    }
  },

  async start({ database, dedup, replica = [] }, { settings, schemaVariant }, context) {
    const isShared = database.addressFor('harness').schema !== undefined
    const { maker, decided } = makerOf(settings, { facts: database.facts, isShared })
    await makeSchema(database, { settings, schemaVariant, maker, isShared }, context.signal)
    if (replica.length > 0) await applyHeartbeat(database, context.signal)
    const worker = await launchWorker(database, { settings, maker }, context)
    const service = await launchService(context, {
      entry: 'reference-impl/pg-partitioned/service.ts',
      addresses: {
        database: database.addressFor('service'),
        // A heartbeat and a position belong to one session.
        session: database.addressFor('session'),
        replicas: replica.map((engine) => engine.addressFor('service')),
        ...(dedup === undefined ? {} : { dedup: dedup.addressFor('service') }),
      },
      settings,
    })
    const identities = settings.dedup === 'identity-table' ? IDENTITY_TABLE : {}
    return {
      ...service,
      decided,
      parts: [...service.parts, ...worker],
      probes: [...service.probes, ...(replica.length > 0 ? service.parts.map(freshnessProbe) : [])],
      stores: [
        database.eventsStore({
          name: POSTGRES_STORE,
          table: 'events',
          readable: 'events',
          ...identities,
        }),
        ...replicaStores(replica, identities),
      ],
    }
  },
})

function retained(settings: PgPartitionedSettings): readonly string[] {
  const interval = intervalOf(settings)
  const { retainPartitions } = settings
  return interval === null || retainPartitions === null
    ? []
    : [retentionWords(retainPartitions, interval)]
}

async function makeSchema(
  database: StoringEngine<'postgres'>,
  made: {
    readonly settings: PgPartitionedSettings
    readonly schemaVariant: string
    readonly maker: PartitionMaker | null
    readonly isShared: boolean
  },
  signal: AbortSignal,
): Promise<void> {
  const { settings, schemaVariant, maker, isShared } = made
  await applySchema(database, 'pg-partitioned/schema.sql', {
    variant: schemaVariant,
    parts: schemaParts(settings, !isShared),
    signal,
  })
  for (const script of partitionScripts(settings, maker, new Date())) {
    await database.control.execute(script, signal)
  }
}

async function launchWorker(
  database: StoringEngine<'postgres'>,
  {
    settings,
    maker,
  }: { readonly settings: PgPartitionedSettings; readonly maker: PartitionMaker | null },
  context: ArchitectureContext,
): Promise<readonly LaunchedPart[]> {
  const maintenance = maintenanceOf(settings, maker)
  if (maintenance === null) return []
  return await context.launch({
    name: 'worker',
    entry: 'reference-impl/pg-partitioned/worker.ts',
    replicas: 1,
    config: {
      addresses: { database: database.addressFor('service') },
      settings: { everyS: settings.maintenanceEveryS, maintenance },
    },
  })
}
