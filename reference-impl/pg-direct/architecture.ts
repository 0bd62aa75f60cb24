/** pg-direct (A1): one service, one PostgreSQL, one INSERT per request, acknowledged after its commit. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { commitWords, POSTGRES_STORE, postgresPromise } from '../service-kit/postgres/promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const settings = z.strictObject({
  ...edgeSettings,
  connections: z
    .int()
    .positive()
    .max(1_000)
    .default(16)
    .describe('Connections to PostgreSQL, so requests written at once.'),
})
export type PgDirectSettings = z.infer<typeof settings>

export const pgDirect = defineArchitecture({
  id: 'pg-direct',
  title: 'PostgreSQL, one INSERT per request',
  documents: ['A1'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres' },
  schemaVariants: ['default', 'lean'],
  settings,

  batches: () => false,

  promises: (_settings, engines) => ({
    ack: `Every accepted event is ${commitWords(engines.database)} in PostgreSQL.`,
    stores: [postgresPromise(engines.database)],
  }),

  async start({ database }, { settings, schemaVariant }, context) {
    await applySchema(database, 'pg-direct/schema.sql', {
      variant: schemaVariant,
      signal: context.signal,
    })
    const service = await launchService(context, {
      entry: 'reference-impl/pg-direct/service.ts',
      addresses: { database: database.addressFor('service') },
      settings,
    })
    return {
      ...service,
      stores: [database.eventsStore({ name: POSTGRES_STORE, table: 'events', readable: 'events' })],
    }
  },
})
