/** pg-direct (A1): one service, one PostgreSQL, one INSERT per request, acknowledged after its commit. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { preparedSetting } from '../service-kit/postgres/batch-settings.ts'
import { METHODS } from '../service-kit/postgres/batch-ways.ts'
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
  connections: z
    .int()
    .positive()
    .max(1_000)
    .default(16)
    .describe('Connections to PostgreSQL, so requests written at once.'),
  arrayMethod: z
    .enum(METHODS)
    .default('unnest')
    .describe('How a request with several events travels; a single event is always one INSERT.'),
  ...preparedSetting,
  ...eventsTableSettings,
})
export type PgDirectSettings = z.infer<typeof settings> & { readonly identity: Identity }

export const pgDirect = defineArchitecture({
  id: 'pg-direct',
  title: 'PostgreSQL, one INSERT per request',
  documents: ['A1', 'C1', 'C9', 'C10', 'C12', 'C21', 'C23'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres' },
  schemaVariants: INDEX_SETS,
  settings,

  batches: () => false,

  promises: (settings, engines, schemaVariant) => {
    const { words, but, store } = eventsTablePromise(settings, engines.database, schemaVariant)
    return { ack: `Every accepted event is ${words} in PostgreSQL${but}.`, stores: [store] }
  },

  async start({ database }, { settings, schemaVariant }, context) {
    await applyEventsTable(database, { settings, schemaVariant }, context.signal)
    const service = await launchService(context, {
      entry: 'reference-impl/pg-direct/service.ts',
      addresses: { database: database.addressFor('service') },
      settings: { ...settings, identity: identityIn(schemaVariant, settings) },
    })
    return { ...service, stores: [eventsTableStore(database, settings)] }
  },
})
