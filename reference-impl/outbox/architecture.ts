/** outbox (A21): the event and its outbox rows in one transaction; workers bring the rows to a receiver over HTTP. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import {
  receiverSchema,
  receiverTable,
  receiverView,
} from '../service-kit/outbox/receiver-schema.ts'
import { unlessLost, waitingKept } from '../service-kit/outbox/promise.ts'
import { claimSettings, outboxSettings } from '../service-kit/outbox/settings.ts'
import { applyOutboxSchema, launchOutbox } from '../service-kit/outbox/start.ts'
import {
  commitWords,
  POSTGRES_STORE,
  postgresPromise,
} from '../../src/architecture/commit-promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'

const settings = z.strictObject({
  ...edgeSettings,
  ...outboxSettings,
  ...claimSettings({ claimRowsMax: 100, claimPauseMs: 0 }),
})
export type OutboxHttpSettings = z.infer<typeof settings>

const consumersOf = ({ consumers }: OutboxHttpSettings): readonly number[] =>
  Array.from({ length: consumers }, (_, index) => index + 1)

const storeOf = (consumer: number): string => `postgres.${receiverTable(consumer)}`

export const outbox = defineArchitecture({
  id: 'outbox',
  title: 'PostgreSQL with an outbox, delivered over HTTP',
  documents: ['A21', 'B14', 'C5', 'C12', 'C17', 'C18', 'H22'],
  shapes: ['billing'],
  queries: [...EVENT_QUERIES, 'Q11'],
  needs: { database: 'postgres' },
  alongside: ['worker', 'sink'],
  schemaVariants: ['default', 'lean'],
  settings,

  batches: ({ write }) => write === 'batch',

  promises: (chosen, engines) => ({
    ack: `Every accepted event is ${commitWords(engines.database)} in PostgreSQL, in one transaction with a row per consumer that is delivered at least once${unlessLost(chosen)}.`,
    stores: [
      postgresPromise(engines.database),
      ...consumersOf(chosen).map((consumer) => ({
        store: storeOf(consumer),
        ...waitingKept(chosen, engines.database),
        delivery: 'at-least-once' as const,
        readAfterAck: 'eventually' as const,
        duplicates: 'one-readable' as const,
      })),
    ],
  }),

  async start({ database }, { settings, schemaVariant }, context) {
    const start = { id: 'outbox', settings, schemaVariant } as const
    await applyOutboxSchema(database, start, context.signal)
    for (const statement of receiverSchema(settings.consumers))
      await database.control.execute(statement, context.signal)
    const service = { database: database.addressFor('service') }
    const sinks = await context.launch({
      name: 'sink',
      entry: 'reference-impl/outbox/sink.ts',
      replicas: 1,
      config: { port: 0, addresses: service, settings: { consumers: settings.consumers } },
    })
    const [sink] = sinks
    if (sink === undefined || sink.peerUrl === null)
      throw new HeadroomError('SERVICE_NOT_READY', 'the sink printed no address')
    const running = await launchOutbox(context, start, {
      service,
      worker: {
        ...service,
        session: database.addressFor('session'),
        sink: sink.peerUrl.href,
      },
    })
    return {
      ...running,
      parts: [...running.parts, ...sinks],
      stores: [
        database.eventsStore({ name: POSTGRES_STORE, table: 'events', readable: 'events' }),
        ...consumersOf(settings).map((consumer) =>
          database.eventsStore({
            name: storeOf(consumer),
            table: receiverTable(consumer),
            readable: receiverView(consumer),
          }),
        ),
      ],
    }
  },
})
