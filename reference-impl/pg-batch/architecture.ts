/** pg-batch: concurrent requests share one commit. Group commit without a timer, exact outcomes, ack after commit. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import {
  applyEventsTable,
  eventsTablePromise,
  eventsTableSettings,
  eventsTableStore,
  identityIn,
  INDEX_SETS,
} from '../service-kit/postgres/events-table.ts'
import type { Identity } from '../service-kit/postgres/statements.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'

const settings = z.strictObject({
  ...edgeSettings,
  ...postgresBatchSettings,
  ...eventsTableSettings,
})
export type PgBatchSettings = z.infer<typeof settings> & { readonly identity: Identity }

export const pgBatch = defineArchitecture({
  id: 'pg-batch',
  title: 'PostgreSQL, group commit',
  documents: ['A1', 'C1', 'C9', 'C10', 'C11', 'C12', 'C21', 'C23'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres' },
  schemaVariants: INDEX_SETS,
  settings,

  batches: () => true,

  promises: (settings, engines, schemaVariant) => {
    const { words, but, store } = eventsTablePromise(settings, engines.database, schemaVariant)
    return {
      ack: `Every accepted event is ${words} in PostgreSQL, together with its batch${but}.`,
      stores: [store],
    }
  },

  async start({ database }, { settings, schemaVariant }, context) {
    await applyEventsTable(database, { settings, schemaVariant }, context.signal)
    const service = await launchService(context, {
      entry: 'reference-impl/pg-batch/service.ts',
      addresses: { database: database.addressFor('service') },
      settings: { ...settings, identity: identityIn(schemaVariant, settings) },
    })
    return { ...service, stores: [eventsTableStore(database, settings)] }
  },
})
