/** Settings of an outbox: its table, its workers, and how they are woken. */
import { z } from 'zod'
import { postgresBatchSettings } from '../postgres/batch-settings.ts'

export interface ClaimDefaults {
  /** What one delivery should hold: a request is quick to make, an insert of ClickHouse is a part to be merged. */
  readonly claimRowsMax: number
  readonly claimPauseMs: number
}

/** What a claim holds depends on the sink. */
export const claimSettings = (
  defaults: ClaimDefaults,
): Readonly<Record<keyof ClaimDefaults, z.ZodDefault<z.ZodInt>>> => ({
  claimRowsMax: z
    .int()
    .positive()
    .max(10_000)
    .default(defaults.claimRowsMax)
    .describe('Rows in one claim, so events in one delivery.'),
  claimPauseMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(defaults.claimPauseMs)
    .describe(
      'How long a worker waits after a claim that was not full, so that the next is fuller.',
    ),
})

export const outboxSettings = {
  ...postgresBatchSettings,
  write: z
    .enum(['batch', 'single'])
    .default('batch')
    .describe(
      'How the business row and its outbox rows are written: many requests in one transaction as pg-batch does, or one each (give it about 16 connections).',
    ),
  consumers: z
    .int()
    .positive()
    .max(64)
    .default(1)
    .describe('Receivers of every event. Each has outbox rows of its own and a sink of its own.'),
  completion: z
    .enum(['delete', 'done', 'rotate'])
    .default('delete')
    .describe(
      'What becomes of a delivered row: deleted, marked, or marked in one of three partitions that are truncated in turn.',
    ),
  claimOn: z
    .enum(['lease', 'status'])
    .default('lease')
    .describe(
      'What a claim changes: columns without an index (updates can be HOT), or the status that the partial index is about, as in the document (they cannot).',
    ),
  unlogged: z
    .boolean()
    .default(false)
    .describe(
      'Keep the outbox, not the events, in an UNLOGGED table: no WAL, and empty after a crash of PostgreSQL.',
    ),
  fillfactorRatio: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.7)
    .describe('How full pages of the outbox are written: what is left takes updated versions.'),
  vacuum: z
    .enum(['documented', 'default'])
    .default('documented')
    .describe(
      'Autovacuum of the outbox: 100 + 1 % of its rows (analyze 0.5 %), or PostgreSQL’s own 50 + 20 %.',
    ),
  rotateS: z
    .number()
    .positive()
    .max(3_600)
    .default(10)
    .describe('With completion rotate: how long one partition takes the new rows.'),
  workers: z.int().positive().max(100).default(1).describe('Worker processes.'),
  concurrency: z
    .int()
    .positive()
    .max(100)
    .default(4)
    .describe(
      'Batches a worker delivers at once to each consumer; it keeps this many connections to PostgreSQL and one to listen.',
    ),
  wake: z
    .enum(['batch', 'row', 'poll'])
    .default('batch')
    .describe(
      'What wakes a worker: a NOTIFY per statement, one per outbox row, or nothing. It polls in any case.',
    ),
  pollMs: z
    .int()
    .positive()
    .max(60_000)
    .default(250)
    .describe('How long a worker with nothing to do waits when nobody wakes it.'),
  leaseMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('How long a claimed row is its worker’s; after that another may claim it again.'),
  deliverTimeoutMs: z
    .int()
    .positive()
    .max(600_000)
    .default(3_000)
    .describe('How long one delivery may take before its outcome counts as unknown.'),
  attemptsMax: z
    .int()
    .positive()
    .max(1_000)
    .default(5)
    .describe(
      'Claims of one row before it goes to the dead letters. A sink that is away costs no attempt.',
    ),
  retryMs: z
    .int()
    .positive()
    .max(600_000)
    .default(500)
    .describe('How long a row that its sink refused is left alone before it is tried again.'),
}

/** As a process gets them. */
export type OutboxSettings = z.infer<z.ZodObject<typeof outboxSettings>> & ClaimDefaults
