/**
 * The one table of events.sql: its index sets as schema variants, and what settings make of it and of the commits that
 * fill it. In: a variant and settings. Out: the schema, how repeats are told, and what a 2xx promises.
 */
import { z } from 'zod'
import type { StorePromise } from '../../../src/architecture/architecture.ts'
import type { RunningEngine, Store, StoringEngine } from '../../../src/engines/engine.ts'
import { HeadroomError } from '../../../src/kit/errors.ts'
import { applySchema } from '../schema-script.ts'
import {
  commitWords,
  POSTGRES_STORE,
  POSTGRES_PART,
  postgresPromise,
} from '../../../src/architecture/commit-promise.ts'
import { COLUMNS, type Identity } from './statements.ts'

/** `default` is the documents' full set; the last three have no unique index, so they keep repeats. */
export const INDEX_SETS = ['default', 'lean', 'gin', 'dedup', 'btree', 'brin', 'none'] as const
const KEEPS_REPEATS: ReadonlySet<string> = new Set(['btree', 'brin', 'none'])

export const eventsTableSettings = {
  unlogged: z
    .boolean()
    .default(false)
    .describe('Keep events in an UNLOGGED table: no WAL, and empty after a crash of PostgreSQL.'),
  foreignKeys: z
    .boolean()
    .default(false)
    .describe(
      'Events refer to organizations, customers and codes; the service registers what it sees for the first time.',
    ),
  dedupAction: z
    .enum(['nothing', 'update'])
    .default('nothing')
    .describe(
      'What a repeated event does: ON CONFLICT DO NOTHING, or DO UPDATE with what it says now.',
    ),
  nonCriticalCodes: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Requests with none but these codes are committed with synchronous_commit=off, each in its own transaction.',
    ),
}
export type EventsTableSettings = z.infer<z.ZodObject<typeof eventsTableSettings>>

/** @throws HeadroomError BAD_INPUT where settings ask for what the index set cannot do */
export function identityIn(
  schemaVariant: string,
  { dedupAction }: Pick<EventsTableSettings, 'dedupAction'>,
): Identity {
  if (!KEEPS_REPEATS.has(schemaVariant)) {
    return dedupAction === 'update' ? 'last-wins' : 'first-wins'
  }
  if (dedupAction === 'nothing') return 'kept'
  throw new HeadroomError(
    'BAD_INPUT',
    `schema variant ${schemaVariant} has no unique index, so dedupAction: update has nothing to act on`,
    { hint: 'leave dedupAction out, or take the variant dedup, lean, gin or default' },
  )
}

export async function applyEventsTable(
  engine: RunningEngine<'postgres'>,
  table: { readonly settings: EventsTableSettings; readonly schemaVariant: string },
  signal: AbortSignal,
): Promise<void> {
  const { unlogged, foreignKeys } = table.settings
  await applySchema(engine, 'service-kit/postgres/events.sql', {
    variant: table.schemaVariant,
    parts: [...(unlogged ? ['unlogged'] : []), ...(foreignKeys ? ['foreign-keys'] : [])],
    signal,
  })
}

export function eventsTableStore(
  engine: StoringEngine<'postgres'>,
  { foreignKeys }: Pick<EventsTableSettings, 'foreignKeys'>,
): Store {
  return engine.eventsStore({
    name: POSTGRES_STORE,
    table: 'events',
    readable: 'events',
    ...(foreignKeys ? { load: PRELOADED } : {}),
  })
}

const PRELOADED = {
  table: 'preloaded_events',
  then: [
    'INSERT INTO organizations SELECT DISTINCT organization_id FROM preloaded_events ON CONFLICT DO NOTHING',
    `INSERT INTO customers SELECT DISTINCT organization_id, external_customer_id FROM preloaded_events
     ON CONFLICT DO NOTHING`,
    'INSERT INTO billable_codes SELECT DISTINCT organization_id, code FROM preloaded_events ON CONFLICT DO NOTHING',
    `INSERT INTO events (${COLUMNS}) SELECT ${COLUMNS} FROM preloaded_events`,
    'TRUNCATE preloaded_events',
  ],
} as const

export interface EventsTablePromise {
  /** What an accepted event is, to stand behind "Every accepted event is". */
  readonly words: string
  /** What holds for some of them only: more clauses of that sentence, or nothing. */
  readonly but: string
  readonly store: StorePromise
}

/** @throws HeadroomError BAD_INPUT as identityIn does */
export function eventsTablePromise(
  settings: EventsTableSettings,
  engine: Readonly<Record<string, string>>,
  schemaVariant: string,
): EventsTablePromise {
  const { unlogged, nonCriticalCodes } = settings
  const kept = identityIn(schemaVariant, settings) === 'kept'
  const promise = postgresPromise(engine)
  const mixed = nonCriticalCodes.length > 0
  return {
    words: unlogged ? UNLOGGED_WORDS : commitWords(engine),
    but: [
      ...(mixed && !unlogged ? [`; ${exceptionOf(nonCriticalCodes)}`] : []),
      ...(kept ? ['; one that is sent again is accepted and stored again'] : []),
    ].join(''),
    store: {
      ...promise,
      // One store has one promise, so it is that of its weakest events.
      survives: unlogged || mixed ? 'nothing' : promise.survives,
      // Answered is committed: no other part holds an acknowledged event.
      ...(unlogged || mixed ? { lostWith: [POSTGRES_PART] } : {}),
      ...(unlogged ? { emptied: true } : {}),
      ...(kept ? { delivery: 'at-least-once', duplicates: 'kept' } : {}),
    },
  }
}

const UNLOGGED_WORDS = 'committed to an UNLOGGED table, which is empty after a crash of the server,'
const NAMED_MAX = 5

function exceptionOf(codes: readonly string[]): string {
  const more = codes.length - NAMED_MAX
  const named = codes.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${String(more)} more` : '')
  return `requests with none but the codes ${named} are answered while their commit is still in memory, for up to 600 ms`
}
