/**
 * A target of kind `engines` as an architecture without a process of its own: it applies the target's schema, and the
 * driver writes to the table itself. So everything that runs architectures runs it too.
 */
import type { Architecture } from '../architecture/architecture.ts'
import { defineArchitecture } from '../architecture/architecture.ts'
import { commitWords, postgresPromise } from '../architecture/commit-promise.ts'
import { ShapeName } from '../scenario/scenario.ts'
import type { EnginesTarget } from './engines-target.ts'
import { SqlWrites, WRITTEN_ROLE } from './engines-target.ts'

const METHOD_WORDS: Readonly<Record<SqlWrites['method'], string>> = {
  insert: 'one INSERT a row',
  prepared: 'one prepared INSERT a row',
  values: 'one INSERT with a list of rows',
  unnest: 'one INSERT with arrays',
  copy: 'COPY',
  staging: 'COPY into a staging table, then INSERT … SELECT',
}

export function enginesArchitecture(target: EnginesTarget): Architecture {
  const needs = Object.fromEntries(
    Object.entries(target.engines).map(([role, { kind, extensions }]) => [
      role,
      { kind, extensions },
    ]),
  )
  return defineArchitecture({
    id: 'engines',
    title: `PostgreSQL written by SQL: ${METHOD_WORDS[target.settings.method]}`,
    documents: [],
    shapes: ShapeName.options,
    queries: [],
    needs,
    schemaVariants: Object.keys(target.schema),
    settings: SqlWrites,
    batches: () => false,
    promises: (settings, engines) => {
      const { synchronousCommit, repeats } = settings
      const inForce = {
        ...engines[WRITTEN_ROLE],
        ...(synchronousCommit === undefined ? {} : { synchronous_commit: synchronousCommit }),
      }
      return {
        ack: `Every accepted event is ${commitWords(inForce)}; a batch is one transaction, written by the driver itself.`,
        stores: [
          {
            ...postgresPromise(inForce),
            ...(repeats === 'keep'
              ? ({ delivery: 'at-least-once', duplicates: 'kept' } as const)
              : {}),
          },
        ],
      }
    },
    start: async (engines, { settings, schemaVariant }, { signal }) => {
      const engine = engines[WRITTEN_ROLE]
      if (engine === undefined) throw new Error(`there is no role ${WRITTEN_ROLE}`)
      await engine.control.execute(target.schema[schemaVariant] ?? '', signal)
      const place = engine.addressFor('service')
      const { table, method, repeats, connections, synchronousCommit } = settings
      return {
        ingestUrl: new URL(`postgresql://${place.host}:${String(place.port)}/${place.database}`),
        parts: [],
        probes: [],
        stores: [engine.eventsStore({ name: 'postgres.events', table, readable: table })],
        writes: {
          place,
          method,
          table,
          repeats: repeats === 'skip' ? 'skip' : 'plain',
          connections,
          ...(synchronousCommit === undefined ? {} : { synchronousCommit }),
        },
      }
    },
  })
}
