/** timescale (A11): pg-batch's writing into a hypertable, whose chunks TimescaleDB makes as events come. */
import { z } from 'zod'
import { defineArchitecture } from '../../src/architecture/architecture.ts'
import type { StoringEngine } from '../../src/engines/engine.ts'
import { edgeSettings } from '../service-kit/edge-settings.ts'
import { launchService } from '../service-kit/launch.ts'
import { postgresBatchSettings } from '../service-kit/postgres/batch-settings.ts'
import { IDENTITY_TABLE, repeatWords } from '../service-kit/postgres/identities.ts'
import { identityPartitions } from '../service-kit/postgres/partition/schema.ts'
import {
  commitWords,
  POSTGRES_STORE,
  postgresPromise,
} from '../../src/architecture/commit-promise.ts'
import { EVENT_QUERIES } from '../service-kit/reads.ts'
import { applySchema } from '../service-kit/schema-script.ts'
import type { BuildUse, HypertableSettings } from '../service-kit/postgres/hypertable.ts'
import {
  hypertableSettings,
  hypertableStatements,
  identityOf,
  useOfBuild,
} from '../service-kit/postgres/hypertable.ts'

const settings = z.strictObject({
  ...edgeSettings,
  ...postgresBatchSettings,
  ...hypertableSettings,
})
export type TimescaleSettings = z.infer<typeof settings>

const SCHEMA = 'timescale/schema.sql'

export const timescale = defineArchitecture({
  id: 'timescale',
  title: 'TimescaleDB, hypertable',
  documents: ['A11', 'B4', 'C20', 'G7'],
  shapes: ['billing'],
  queries: EVENT_QUERIES,
  needs: { database: { kind: 'postgres', extensions: ['timescaledb'] } },
  schemaVariants: ['default', 'lean'],
  settings,

  batches: () => true,

  promises: (settings, engines) => {
    const promise = postgresPromise(engines.database)
    const identity = identityOf(settings)
    return {
      ack: [
        `Every accepted event is ${commitWords(engines.database)} in PostgreSQL, together with its batch`,
        ...repeatWords(identity),
      ]
        .join('; ')
        .concat('.'),
      stores: [
        identity === 'kept'
          ? { ...promise, delivery: 'at-least-once', duplicates: 'kept' }
          : promise,
      ],
    }
  },

  async start({ database }, { settings, schemaVariant }, context) {
    const use = useOfBuild(settings, database.facts)
    await makeSchema(database, { settings, schemaVariant, use }, context.signal)
    const service = await launchService(context, {
      entry: 'reference-impl/timescale/service.ts',
      addresses: { database: database.addressFor('service') },
      settings,
    })
    return {
      ...service,
      notMeasured: use.notMeasured,
      stores: [
        database.eventsStore({
          name: POSTGRES_STORE,
          table: 'events',
          readable: 'events',
          ...(settings.dedup === 'identity-table' ? IDENTITY_TABLE : {}),
        }),
      ],
    }
  },
})

async function makeSchema(
  database: StoringEngine<'postgres'>,
  made: {
    readonly settings: HypertableSettings
    readonly schemaVariant: string
    readonly use: BuildUse
  },
  signal: AbortSignal,
): Promise<void> {
  const { settings, schemaVariant, use } = made
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await database.control.execute(statement, signal)
  }
  await applySchema(database, SCHEMA, { variant: 'table', signal })
  await run(hypertableStatements(settings))
  await applySchema(database, SCHEMA, {
    variant: schemaVariant,
    parts: [...(settings.dedup === 'none' ? [] : [settings.dedup]), ...use.parts],
    signal,
  })
  await run([...identityPartitions(settings), ...use.statements])
}
