/** clickhouse-direct (A15): the service gathers events into inserts of its own and acknowledges after the insert. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { clickhouseBatchSettings } from '../service-kit/clickhouse/batch-settings.ts'
import { CLICKHOUSE_STORE, insertSurvives } from '../service-kit/clickhouse/promise.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const settings = z.strictObject({
  ...edgeSettings,
  ...clickhouseBatchSettings(10),
  insertAttemptsMax: z
    .int()
    .positive()
    .max(10)
    .default(2)
    .describe('How often an insert of unknown outcome is sent, under one deduplication token.'),
})
export type ClickHouseDirectSettings = z.infer<typeof settings>

export const clickhouseDirect = defineArchitecture({
  id: 'clickhouse-direct',
  title: 'ClickHouse, batches made by the service',
  documents: ['A15'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { warehouse: 'clickhouse' },
  schemaVariants: ['default', 'bxb-key'],
  settings,

  batches: () => true,

  promises: (_settings, engines) => ({
    ack:
      insertSurvives(engines.warehouse) === 'power-loss'
        ? 'Every accepted event is in an active part of ClickHouse, flushed to disk.'
        : 'Every accepted event is in an active part of ClickHouse, handed to the operating system but not forced to disk.',
    stores: [
      {
        store: CLICKHOUSE_STORE,
        survives: insertSurvives(engines.warehouse),
        delivery: 'at-least-once',
        readAfterAck: 'at-once',
        duplicates: 'one-readable',
      },
    ],
  }),

  async start({ warehouse }, { settings, schemaVariant }, context) {
    await applySchema(warehouse, 'clickhouse-direct/schema.sql', {
      variant: schemaVariant,
      signal: context.signal,
    })
    const service = await launchService(context, {
      entry: 'reference-impl/clickhouse-direct/service.ts',
      addresses: { warehouse: warehouse.addressFor('service') },
      settings,
    })
    const store = { name: CLICKHOUSE_STORE, table: 'events_raw', readable: 'events' }
    return { ...service, stores: [warehouse.eventsStore(store)] }
  },
})
