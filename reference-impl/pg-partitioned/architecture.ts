/** pg-partitioned (B2): pg-batch's writing into partitions that a worker makes ahead of time and drops when they are old. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import type { ArchitectureContext, LaunchedPart } from '../../src/architecture/architecture.ts'
import type { StoringEngine } from '../../src/engines/engine.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import { IDENTITY_TABLE, repeatWords } from '../service-kit/postgres/identities.ts'
import { partitionScripts, schemaParts } from '../service-kit/postgres/partition/schema.ts'
import {
  identityOf,
  maintenanceOf,
  partitionSettings,
} from '../service-kit/postgres/partition/settings.ts'
import {
  commitWords,
  POSTGRES_STORE,
  postgresPromise,
} from '../../src/architecture/commit-promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const settings = z.strictObject({
  ...edgeSettings,
  ...postgresBatchSettings,
  ...partitionSettings,
})
export type PgPartitionedSettings = z.infer<typeof settings>

export const pgPartitioned = defineArchitecture({
  id: 'pg-partitioned',
  title: 'PostgreSQL, time partitions',
  documents: ['A2', 'B2', 'C2', 'C3', 'F9', 'H9'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres' },
  alongside: ['worker'],
  schemaVariants: ['default', 'lean'],
  settings,

  batches: () => true,

  promises: (settings, engines) => {
    const promise = postgresPromise(engines.database)
    const { outOfRange, partitionBy } = settings
    const kept = identityOf(settings) === 'kept'
    const rejects = partitionBy !== 'hash' && outOfRange === 'reject'
    return {
      ack: [
        `Every accepted event is ${commitWords(engines.database)} in PostgreSQL, together with its batch`,
        ...repeatWords(identityOf(settings)),
        ...(rejects ? ['one outside of all ranges is rejected'] : []),
      ]
        .join('; ')
        .concat('.'),
      stores: [kept ? { ...promise, delivery: 'at-least-once', duplicates: 'kept' } : promise],
    }
  },

  async start({ database }, { settings, schemaVariant }, context) {
    await makeSchema(database, { settings, schemaVariant }, context.signal)
    const worker = await launchWorker(database, settings, context)
    const service = await launchService(context, {
      entry: 'reference-impl/pg-partitioned/service.ts',
      addresses: { database: database.addressFor('service') },
      settings,
    })
    return {
      ...service,
      parts: [...service.parts, ...worker],
      stores: [
        database.eventsStore({
          name: POSTGRES_STORE,
          table: 'events',
          readable: 'events',
          ...(settings.dedup === 'identity-table' ? IDENTITY_TABLE : {}),
        }),
      ],
    }
  },
})

async function makeSchema(
  database: StoringEngine<'postgres'>,
  { settings, schemaVariant }: { settings: PgPartitionedSettings; schemaVariant: string },
  signal: AbortSignal,
): Promise<void> {
  const ownDatabase = database.addressFor('harness').schema === undefined
  await applySchema(database, 'pg-partitioned/schema.sql', {
    variant: schemaVariant,
    parts: schemaParts(settings, ownDatabase),
    signal,
  })
  for (const script of partitionScripts(settings, new Date())) {
    await database.control.execute(script, signal)
  }
}

async function launchWorker(
  database: StoringEngine<'postgres'>,
  settings: PgPartitionedSettings,
  context: ArchitectureContext,
): Promise<readonly LaunchedPart[]> {
  const maintenance = maintenanceOf(settings)
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
