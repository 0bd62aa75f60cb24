/** What may be set of the hypertable, and the statements that follow from it and from what the server's build can do. */
import { z } from 'zod'
import type { EngineFacts } from '../../../src/engines/engine.ts'
import type { Identity } from './statements.ts'

/** A documented 7 days and 1 day (C20), an hour for runs of minutes, and a month. */
const CHUNKS = ['1 hour', '1 day', '7 days', '30 days'] as const

export const hypertableSettings = {
  chunkInterval: z
    .enum(CHUNKS)
    .default('1 day')
    .describe('How much time one chunk holds; TimescaleDB’s own default is 7 days.'),
  spacePartitions: z
    .int()
    .positive()
    .max(64)
    .default(4)
    .describe('HASH partitions of the organization within each range of time; 1 makes none.'),
  dedup: z
    .enum(['identity-table', 'key', 'none'])
    .default('identity-table')
    .describe(
      'A table of identities in the same transaction, a unique key that holds the timestamp, or nothing.',
    ),
  identityPartitions: z
    .int()
    .positive()
    .max(1_000)
    .default(8)
    .describe('HASH partitions of the table of identities.'),
  compressAfterDays: z
    .int()
    .positive()
    .max(3_650)
    .nullable()
    .default(7)
    .describe('Chunks older than this are compressed, where the build can; null compresses none.'),
  continuousAggregate: z
    .boolean()
    .default(true)
    .describe('Keep the hourly rollup up to date, where the build can.'),
}
export type HypertableSettings = z.infer<z.ZodObject<typeof hypertableSettings>>

export function identityOf({ dedup }: HypertableSettings): Identity {
  switch (dedup) {
    case 'identity-table':
      return 'identity-table'
    case 'key':
      return 'first-wins-per-time'
    case 'none':
      return 'kept'
  }
}

/** Where the run has a schema alone, the extension's functions are in another. For the statements of one script. */
const FIND_FUNCTIONS = `
SELECT set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), quote_ident(nspname)), false)
  FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'timescaledb'`

/** On the table while it is empty: a dimension cannot be added later. */
export function hypertableStatements({
  chunkInterval,
  spacePartitions,
}: Pick<HypertableSettings, 'chunkInterval' | 'spacePartitions'>): readonly string[] {
  return inOneScript([
    // The indexes that it would make by itself are not those of the schema variants.
    `SELECT create_hypertable('events', by_range('timestamp', interval '${chunkInterval}'), create_default_indexes => false)`,
    ...(spacePartitions === 1
      ? []
      : [`SELECT add_dimension('events', by_hash('organization_id', ${String(spacePartitions)}))`]),
  ])
}

function inOneScript(statements: readonly string[]): readonly string[] {
  return statements.length === 0 ? [] : [[FIND_FUNCTIONS, ...statements].join(';\n')]
}

export interface BuildUse {
  /** Parts of the schema file. */
  readonly parts: readonly string[]
  readonly statements: readonly string[]
  /** Sentences without a full stop: what the settings ask for and the build has not. */
  readonly notMeasured: readonly string[]
}

/** Compression and continuous aggregates are of the Community build alone. */
export function useOfBuild(settings: HypertableSettings, facts: EngineFacts = {}): BuildUse {
  const { compressAfterDays, continuousAggregate } = settings
  const build = `TimescaleDB ${facts['timescaledb'] ?? 'of an unknown build'}`
  const compresses = facts['compression'] === 'yes'
  const aggregates = facts['continuousAggregates'] === 'yes'
  return {
    parts: continuousAggregate && aggregates ? ['continuous-aggregate'] : [],
    statements: inOneScript(
      compressAfterDays === null || !compresses
        ? []
        : [
            `ALTER TABLE events SET (timescaledb.compress,
               timescaledb.compress_segmentby = 'organization_id, code', timescaledb.compress_orderby = 'timestamp DESC')`,
            `SELECT add_compression_policy('events', compress_after => interval '${String(compressAfterDays)} days')`,
          ],
    ),
    notMeasured: [
      ...(compressAfterDays === null || compresses ? [] : [`compression: ${build} has none`]),
      ...(!continuousAggregate || aggregates ? [] : [`continuous aggregates: ${build} has none`]),
    ],
  }
}
