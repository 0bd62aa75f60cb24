/** Settings of eav, each with what it changes. */
import { z } from 'zod'
import { edgeSettings } from '../edge-settings.ts'
import { checkFreshness, freshnessSettings, readReplicas } from '../freshness/settings.ts'
import { DISTINCT_FORMS, HOT_FORMS } from './statements.ts'

const queryForms = {
  hotQuery: z
    .enum(HOT_FORMS)
    .default('containment')
    .describe(
      'How Q9 asks the projection: seed (as documented: a join, ->> and a bare cast) and arrow (->>, guarded) never use GIN; containment and jsonpath do where that finds fewer rows than the tenant has.',
    ),
  distinctQuery: z
    .enum(DISTINCT_FORMS)
    .default('indexed')
    .describe(
      'How Q10 is asked: the time series by a join as documented, indexed by attribute id, or by constants (top-n: only they match the partial index of that schema variant); or the materialised view.',
    ),
}
export type EavQueryForms = z.infer<z.ZodObject<typeof queryForms>>

export const eavSettings = z
  .strictObject({
    ...edgeSettings,
    connections: z
      .int()
      .positive()
      .max(1_000)
      .default(2)
      .describe('Connections that write, so batches in flight at once.'),
    batchRowsMax: z
      .int()
      .positive()
      .max(100_000)
      .default(1_000)
      .describe('A batch closes at this many writes.'),
    staging: z
      .enum(['unlogged', 'logged'])
      .default('unlogged')
      .describe('Whether staged rows outlive a crash of PostgreSQL. Changes what a 2xx promises.'),
    asyncNonCritical: z
      .boolean()
      .default(false)
      .describe('Batches without a critical write commit with synchronous_commit = off.'),
    flush: z
      .enum(['delete-returning', 'naive'])
      .default('delete-returning')
      .describe('How staged rows move. naive is an exhibit of the documents: it loses rows.'),
    flushMs: z
      .int()
      .positive()
      .max(60_000)
      .default(100)
      .describe('Pause between the beginnings of two flushes.'),
    vacuumEveryFlushes: z
      .int()
      .positive()
      .default(20)
      .describe('Staging is vacuumed after this many flushes that moved rows.'),
    partitionBy: z.enum(['month', 'day']).default('month').describe('Range of one partition.'),
    retainPartitions: z
      .int()
      .nonnegative()
      .max(10_000)
      .nullable()
      .default(null)
      .describe(
        'Past ranges that are kept; older ones are dropped whole, and older events rejected. null keeps all.',
      ),
    hashShards: z
      .int()
      .positive()
      .max(64)
      .default(1)
      .describe('Sub-partitions of each, by hash of the entity.'),
    dedup: z
      .enum(['flush', 'none'])
      .default('flush')
      .describe('flush: a unique index, and a write that is sent again is dropped when it moves.'),
    cacheTtlS: z.int().positive().max(86_400).default(60).describe('How long an entity is cached.'),
    cacheTimeoutMs: z
      .int()
      .positive()
      .max(10_000)
      .default(50)
      .describe('A Redis that takes longer counts as away.'),
    ...queryForms,
    viewRefreshMs: z
      .int()
      .positive()
      .max(3_600_000)
      .default(5_000)
      .describe('Pause between two refreshes of the materialised view, where Q10 is asked of it.'),
    readReplicas,
    ...freshnessSettings,
  })
  .superRefine(checkFreshness)
  .superRefine((settings, context) => {
    if (settings.readReplicas && settings.distinctQuery === 'view') {
      const why = 'the age of the view is known by the clock of the primary alone'
      context.addIssue({
        code: 'custom',
        path: ['distinctQuery'],
        message: `${why}: leave readReplicas out, or choose indexed`,
      })
    }
  })
export type EavSettings = z.infer<typeof eavSettings>
