/** dual-write (A13): PostgreSQL first and synchronous, then ClickHouse, fire and forget. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { clickhouseBatchSettings } from '../service-kit/clickhouse/batch-settings.ts'
import { CLICKHOUSE_STORE } from '../service-kit/clickhouse/promise.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import {
  commitWords,
  POSTGRES_STORE,
  postgresPromise,
} from '../../src/architecture/commit-promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const MIB = 1_048_576

const settings = z.strictObject({
  ...edgeSettings,
  ...postgresBatchSettings,
  ...clickhouseBatchSettings(100),
  primary: z
    .enum(['batch', 'direct'])
    .default('batch')
    .describe(
      'How PostgreSQL is written: as pg-batch does, or as pg-direct (give it about 16 connections).',
    ),
  secondaryQueueEventsMax: z
    .int()
    .positive()
    .default(50_000)
    .describe('Events waiting for ClickHouse in memory; more are dropped and counted.'),
  secondaryQueueBytesMax: z
    .int()
    .positive()
    .default(128 * MIB)
    .describe('Their bytes, roughly.'),
  analyticsFrom: z
    .enum(['clickhouse', 'postgres'])
    .default('clickhouse')
    .describe('Which store answers Q1 to Q3. Lookups always ask PostgreSQL.'),
  staleAfterS: z
    .number()
    .positive()
    .default(5)
    .describe(
      'Answers from ClickHouse say stale when it lags by more, or has lost events for good.',
    ),
})
export type DualWriteSettings = z.infer<typeof settings>

export const dualWrite = defineArchitecture({
  id: 'dual-write',
  title: 'PostgreSQL first, ClickHouse fire-and-forget',
  documents: ['A13'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: 'postgres', warehouse: 'clickhouse' },
  schemaVariants: ['default', 'lean', 'bxb-key'],
  settings,

  batches: ({ primary }) => primary === 'batch',

  promises: (_settings, engines) => ({
    ack: `Every accepted event is ${commitWords(engines.database)} in PostgreSQL. Whether it reaches ClickHouse is not promised.`,
    stores: [
      postgresPromise(engines.database),
      {
        store: CLICKHOUSE_STORE,
        survives: 'nothing',
        delivery: 'at-most-once',
        readAfterAck: 'eventually',
        duplicates: 'one-readable',
      },
    ],
  }),

  async start({ database, warehouse }, { settings, schemaVariant }, context) {
    const { signal } = context
    // `lean` is about PostgreSQL's indexes, `bxb-key` about ClickHouse's key; the other store keeps its default.
    const postgresVariant = schemaVariant === 'lean' ? 'lean' : 'default'
    const clickhouseVariant = schemaVariant === 'bxb-key' ? 'bxb-key' : 'default'
    await applySchema(database, 'service-kit/postgres/events.sql', {
      variant: postgresVariant,
      signal,
    })
    await applySchema(warehouse, 'dual-write/schema.clickhouse.sql', {
      variant: clickhouseVariant,
      signal,
    })
    const service = await launchService(context, {
      entry: 'reference-impl/dual-write/service.ts',
      addresses: {
        database: database.addressFor('service'),
        warehouse: warehouse.addressFor('service'),
      },
      settings,
    })
    return {
      ...service,
      stores: [
        database.eventsStore({ name: POSTGRES_STORE, table: 'events', readable: 'events' }),
        warehouse.eventsStore({ name: CLICKHOUSE_STORE, table: 'events_raw', readable: 'events' }),
      ],
    }
  },
})
