/** pg-replica: written on a primary in group commits, read from streaming replicas as long as they are fresh enough. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { checkFreshness, freshnessSettings } from '../service-kit/freshness/settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { freshnessProbe } from '../service-kit/metrics-probe.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import {
  applyEventsTable,
  eventsTablePromise,
  eventsTableSettings,
  eventsTableStore,
  identityIn,
  INDEX_SETS,
} from '../service-kit/postgres/events-table.ts'
import {
  applyHeartbeat,
  READ_REPLICAS,
  replicaStores,
  replicatedPromise,
} from '../service-kit/postgres/read-replicas.ts'
import type { Identity } from '../service-kit/postgres/statements.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'

const settings = z
  .strictObject({
    ...edgeSettings,
    ...postgresBatchSettings,
    ...eventsTableSettings,
    ...freshnessSettings,
    // An UNLOGGED table is empty on a replica, and cannot even be read there.
    unlogged: z
      .literal(false)
      .default(false)
      .describe('Replicas follow the log: it must be there.'),
  })
  .superRefine(checkFreshness)
export type PgReplicaSettings = z.infer<typeof settings> & { readonly identity: Identity }

export const pgReplica = defineArchitecture({
  id: 'pg-replica',
  title: 'PostgreSQL with read replicas',
  documents: ['A2', 'A19', 'B13', 'C24', 'D15', 'D16', 'E17', 'E18', 'H10', 'H12'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres', replica: READ_REPLICAS },
  schemaVariants: INDEX_SETS,
  settings,

  batches: () => true,

  promises: (settings, { database, replica }, schemaVariant) => {
    const { words, but, store } = eventsTablePromise(settings, database, schemaVariant)
    const { waits, stores } = replicatedPromise(store, database, replica.length)
    return {
      ack: `Every accepted event is ${words} in PostgreSQL, together with its batch${waits}${but}.`,
      stores,
    }
  },

  async start({ database, replica }, { settings, schemaVariant }, context) {
    await applyEventsTable(database, { settings, schemaVariant }, context.signal)
    await applyHeartbeat(database, context.signal)
    const service = await launchService(context, {
      entry: 'reference-impl/pg-replica/service.ts',
      addresses: {
        database: database.addressFor('service'),
        // A heartbeat and a position belong to one session.
        session: database.addressFor('session'),
        replicas: replica.map((engine) => engine.addressFor('service')),
      },
      settings: { ...settings, identity: identityIn(schemaVariant, settings) },
    })
    return {
      ...service,
      probes: [...service.probes, ...service.parts.map(freshnessProbe)],
      stores: [eventsTableStore(database, settings), ...replicaStores(replica)],
    }
  },
})
