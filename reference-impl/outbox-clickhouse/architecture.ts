/** outbox-clickhouse (A21): the same outbox as `outbox`, with ClickHouse as the receiver. It closes the gap of dual-write. */
import { z } from 'zod'
import { defineArchitecture, type StorePromise } from '../../src/architecture/architecture.ts'
import type { EngineSettings } from '../../src/engines/engine.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { insertSurvives } from '../service-kit/clickhouse/promise.ts'
import { furtherConsumers, rawTableOf, viewOf } from '../service-kit/outbox/clickhouse-tables.ts'
import { unlessLost, waitingKept } from '../service-kit/outbox/promise.ts'
import { claimSettings, outboxSettings } from '../service-kit/outbox/settings.ts'
import { applyOutboxSchema, launchOutbox } from '../service-kit/outbox/start.ts'
import {
  commitWords,
  POSTGRES_PART,
  POSTGRES_STORE,
  postgresPromise,
} from '../../src/architecture/commit-promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'

const settings = z.strictObject({
  ...edgeSettings,
  ...outboxSettings,
  ...claimSettings({ claimRowsMax: 2_000, claimPauseMs: 50 }),
  analyticsFrom: z
    .enum(['clickhouse', 'postgres'])
    .default('clickhouse')
    .describe('Which store answers Q1 to Q3. Lookups and Q11 always ask PostgreSQL.'),
  staleAfterS: z
    .number()
    .positive()
    .default(5)
    .describe('Answers from ClickHouse say stale when the oldest row that waits is older.'),
})
export type OutboxClickHouseSettings = z.infer<typeof settings>

const consumersOf = ({ consumers }: OutboxClickHouseSettings): readonly number[] =>
  Array.from({ length: consumers }, (_, index) => index + 1)

const storeOf = (consumer: number): string => `clickhouse.${rawTableOf(consumer)}`

/** A delivered row is gone from the outbox: from then on ClickHouse alone keeps the event there. */
function deliveredKept(
  chosen: OutboxClickHouseSettings,
  engines: Readonly<Record<'database' | 'warehouse', EngineSettings>>,
): Pick<StorePromise, 'survives' | 'lostWith'> {
  const waiting = waitingKept(chosen, engines.database)
  if (waiting.survives === 'nothing') return waiting
  // Until it is delivered an event is in PostgreSQL alone.
  return { survives: insertSurvives(engines.warehouse), lostWith: [POSTGRES_PART] }
}

export const outboxClickhouse = defineArchitecture({
  id: 'outbox-clickhouse',
  title: 'PostgreSQL with an outbox, delivered to ClickHouse',
  documents: ['A21', 'B14', 'C5', 'C12', 'C17', 'C18', 'H22'],
  shapes: ['billing'],
  queries: [...EVENT_QUERIES, 'Q11'],
  needs: { database: 'postgres', warehouse: 'clickhouse' },
  alongside: ['worker'],
  schemaVariants: ['default', 'lean', 'bxb-key'],
  settings,

  batches: ({ write }) => write === 'batch',

  promises: (chosen, engines) => ({
    ack: `Every accepted event is ${commitWords(engines.database)} in PostgreSQL, in one transaction with a row that brings it to ClickHouse at least once${unlessLost(chosen)}.`,
    stores: [
      postgresPromise(engines.database),
      ...consumersOf(chosen).map((consumer) => ({
        store: storeOf(consumer),
        ...deliveredKept(chosen, engines),
        delivery: 'at-least-once' as const,
        readAfterAck: 'eventually' as const,
        duplicates: 'one-readable' as const,
      })),
    ],
  }),

  async start({ database, warehouse }, { settings, schemaVariant }, context) {
    const { signal } = context
    // `lean` is about PostgreSQL's indexes, `bxb-key` about ClickHouse's key; the other store keeps its default.
    const start = {
      id: 'outbox-clickhouse',
      settings,
      schemaVariant: schemaVariant === 'lean' ? 'lean' : 'default',
    } as const
    await applyOutboxSchema(database, start, signal)
    await applySchema(warehouse, 'outbox-clickhouse/schema.clickhouse.sql', {
      variant: schemaVariant === 'bxb-key' ? 'bxb-key' : 'default',
      signal,
    })
    for (const statement of furtherConsumers(settings.consumers))
      await warehouse.control.execute(statement, signal)
    const addresses = {
      database: database.addressFor('service'),
      warehouse: warehouse.addressFor('service'),
    }
    const running = await launchOutbox(context, start, {
      service: addresses,
      worker: { ...addresses, session: database.addressFor('session') },
    })
    return {
      ...running,
      stores: [
        database.eventsStore({ name: POSTGRES_STORE, table: 'events', readable: 'events' }),
        ...consumersOf(settings).map((consumer) =>
          warehouse.eventsStore({
            name: storeOf(consumer),
            table: rawTableOf(consumer),
            readable: viewOf(consumer),
          }),
        ),
      ],
    }
  },
})
