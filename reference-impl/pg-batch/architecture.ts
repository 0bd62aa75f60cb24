/** pg-batch: concurrent requests share one commit. Group commit without a timer, exact outcomes, ack after commit. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import { commitWords, POSTGRES_STORE, postgresPromise } from '../service-kit/postgres/promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const settings = z.strictObject({ ...edgeSettings, ...postgresBatchSettings })
export type PgBatchSettings = z.infer<typeof settings>

export const pgBatch = defineArchitecture({
  id: 'pg-batch',
  title: 'PostgreSQL, group commit',
  documents: ['A1', 'C10', 'C11'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres' },
  schemaVariants: ['default', 'lean'],
  settings,

  batches: () => true,

  promises: (_settings, engines) => ({
    ack: `Every accepted event is ${commitWords(engines.database)} in PostgreSQL, together with its batch.`,
    stores: [postgresPromise(engines.database)],
  }),

  async start({ database }, { settings, schemaVariant }, context) {
    await applySchema(database, 'pg-batch/schema.sql', {
      variant: schemaVariant,
      signal: context.signal,
    })
    const service = await launchService(context, {
      entry: 'reference-impl/pg-batch/service.ts',
      addresses: { database: database.addressFor('service') },
      settings,
    })
    return {
      ...service,
      stores: [database.eventsStore({ name: POSTGRES_STORE, table: 'events', readable: 'events' })],
    }
  },
})
