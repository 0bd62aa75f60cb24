/** What an audit found, as it is kept in a record: per store, and of all stores of a target together. */
import { z } from 'zod'

const count = z.number().int().min(0)

/** accepted ⊆ stored ⊆ accepted ∪ unknown, per store, by id. Lists are cut at `listLimit`; counts never are. */
export const StoreAudit = z.strictObject({
  store: z.string(),
  acceptedEvents: count,
  unknownEvents: count,
  /** Rows the run added (preloaded rows excluded). */
  storedRows: count,
  readableEvents: count,
  lostEvents: count,
  /** Raw rows beyond the first of an id. */
  duplicatedRows: count,
  /** Ids readable more than once. */
  duplicatedReadable: count,
  /** Stored ids no event of the run has, or which were never sent. */
  foreignRows: count,
  /** Ids whose stored value differs from the sent one. */
  divergedEvents: count,
  preloadedRowsExpected: count,
  preloadedRowsFound: count,
  value64SumExpected: z.string(),
  value64SumStored: z.string(),
  lost: z.array(z.string()),
  duplicated: z.array(z.string()),
  diverged: z.array(z.string()),
  foreign: z.array(z.string()),
  listLimit: count,
  /** Requests that nobody answered and that are stored in part, by their first event; absent where a request is one event. */
  halfStored: z.strictObject({ requests: count, first: z.array(z.string()) }).optional(),
  /** Whether the store kept what it promised: loss may be allowed by the promise, and is then still counted. */
  verdict: z.enum(['whole', 'as-promised', 'broken']),
  because: z.string(),
  /**
   * Where its database was made again from a backup, or died and promises to survive no death: what each of these excuses, in
   * ms after the epoch, and the lost events that none of them does.
   */
  restored: z
    .strictObject({
      restores: z.array(
        z.strictObject({
          /** The part that died; absent: it was restored. */
          killed: z.string().optional(),
          upTo: z.string(),
          keptUntilMs: z.number(),
          lostUntilMs: z.number(),
        }),
      ),
      beyondEvents: count,
      beyond: z.array(z.string()),
    })
    .optional(),
  /** How it was learned. Absent: the harness read every row of the store. */
  by: z.enum(['statement', 'reads']).optional(),
  /** Through reads: how many of the acknowledged events were asked for. */
  askedEvents: count.optional(),
  /** Through reads: questions that were never answered. */
  unansweredReads: count.optional(),
  /** Through a statement: rows of others, or of earlier runs. */
  unrelatedRows: count.optional(),
  /** What this way of looking cannot show. */
  notSeen: z.array(z.string()).optional(),
})
export type StoreAudit = z.infer<typeof StoreAudit>

/** What is shown of the latest event of each key, against what acknowledged events say it must be. */
export const ProjectionAudit = z.strictObject({
  projection: z.string(),
  /** Keys that acknowledged or preloaded events have, and those that are shown. */
  dueKeys: count,
  shownKeys: count,
  /** Due and not shown. */
  missingKeys: count,
  /** Shown as of an older event than the latest acknowledged one. */
  behindKeys: count,
  /** Of the missing and the late: those that faults took back what they lack of. Absent: no fault takes anything back. */
  excusedKeys: count.optional(),
  /** Shown as of the right event, with another value. */
  wrongKeys: count,
  /** Shown as of an event that nobody was told is stored, or of none. */
  foreignKeys: count,
  /**
   * On which it and the store that is written with it disagree about a write that nobody answered: one has it and the other does
   * not. Absent: in records of before it was looked at.
   */
  halfKeys: count.optional(),
  /** Whether keys were looked at; absent: they were. Not where it never showed what was stored before it was asked. */
  compared: z.boolean().optional(),
  /** The key, what is shown and what is due; cut at `listLimit`. */
  mismatches: z.array(z.string()),
  listLimit: count,
  verdict: z.enum(['whole', 'as-promised', 'broken']),
  because: z.string(),
})
export type ProjectionAudit = z.infer<typeof ProjectionAudit>

export const Audit = z.strictObject({
  stores: z.array(StoreAudit),
  /** Absent: the target derives nothing. */
  projections: z.array(ProjectionAudit).optional(),
  /** Events on which two stores of one architecture disagree. */
  divergedBetweenStores: count,
  passed: z.boolean(),
})
export type Audit = z.infer<typeof Audit>

/** What was found of each store and projection; all of them, or those with one verdict. */
export function auditSentences(
  { stores, projections = [] }: Audit,
  verdict?: StoreAudit['verdict'],
): readonly string[] {
  const named = [
    ...stores.map((audit) => ({ ...audit, name: audit.store })),
    ...projections.map((audit) => ({ ...audit, name: audit.projection })),
  ]
  return named
    .filter((audit) => verdict === undefined || audit.verdict === verdict)
    .map(({ name, because }) => `${name}: ${because}`)
}
