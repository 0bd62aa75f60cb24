/** pg-replica: written on a primary in group commits, read from streaming replicas as long as they are fresh enough. */
import { z } from 'zod'
import { defineArchitecture, type StorePromise } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { freshnessProblem, freshnessSettings } from '../service-kit/freshness/settings.ts'
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
import { replicaStore } from '../service-kit/postgres/replicated-ingest.ts'
import type { Identity } from '../service-kit/postgres/statements.ts'
import { commitWaitsFor, waitsWords } from '../service-kit/postgres/synchronous.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

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
  .superRefine((values, context) => {
    const problem = freshnessProblem(values)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
export type PgReplicaSettings = z.infer<typeof settings> & { readonly identity: Identity }

export const pgReplica = defineArchitecture({
  id: 'pg-replica',
  title: 'PostgreSQL with read replicas',
  documents: ['A2', 'A19', 'B13', 'C24', 'D15', 'D16', 'E17', 'E18', 'H10', 'H12'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres', replica: { kind: 'postgres', of: 'database', many: true } },
  schemaVariants: INDEX_SETS,
  settings,

  batches: () => true,

  promises: (settings, { database, replica }, schemaVariant) => {
    const { words, but, store } = eventsTablePromise(settings, database, schemaVariant)
    const waits = commitWaitsFor(database, replica.length)
    // Whoever else holds it on disk still has it when the machine is gone: by design, not tested here.
    const isElsewhere = waits.what === 'flushed' || waits.what === 'replayed'
    const survives = isElsewhere && store.survives === 'power-loss' ? 'node-loss' : store.survives
    const readAfterAck =
      waits.what === 'replayed' && waits.replicas === replica.length ? 'at-once' : 'eventually'
    return {
      ack: `Every accepted event is ${words} in PostgreSQL, together with its batch${waitsWords(waits)}${but}.`,
      stores: [
        { ...store, survives },
        ...replica.map((_settings, index): StorePromise => ({
          ...store,
          store: replicaStore(index),
          survives,
          readAfterAck,
        })),
      ],
    }
  },

  async start({ database, replica }, { settings, schemaVariant }, context) {
    await applyEventsTable(database, { settings, schemaVariant }, context.signal)
    await applySchema(database, 'pg-replica/schema.sql', {
      variant: schemaVariant,
      signal: context.signal,
    })
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
      stores: [
        eventsTableStore(database, settings),
        ...replica.map((engine, index) =>
          engine.eventsStore({ name: replicaStore(index), table: 'events', readable: 'events' }),
        ),
      ],
    }
  },
})
