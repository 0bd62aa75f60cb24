/**
 * When documents say to migrate, as data. In: a parsed YAML document, one trigger per file. Out: a `Trigger`.
 * Words the documents leave open (sustained, p99 of what window) are parameters here, with values that are printed.
 */
import { z } from 'zod'

/** A real migration, placed by the load it happened at. */
export const Anchor = z.strictObject({
  who: z.string().min(1),
  /** What moved, at what numbers, and what fired, in one sentence. */
  what: z.string().min(1),
  /** Events per second at the time; null where none was published: such an anchor stands beside a need, not a level. */
  atPerS: z.number().positive().nullable(),
})
export type Anchor = z.infer<typeof Anchor>

/** The documented levels, in the unit of what is judged; a document with one level has only `critical`. */
const Thresholds = z
  .strictObject({ warning: z.number().min(0).optional(), critical: z.number().min(0) })
  .refine(
    (levels) => levels.warning === undefined || levels.warning <= levels.critical,
    'warning ≤ critical',
  )

/** What a target must have for a rule to say anything about it; one of what is named suffices. */
const AppliesWhere = z.strictObject({
  /** Above 0 in a round: there is a standby. A metric that the rule judges counts as well. */
  seen: z.string().min(1).optional(),
  /** Architectures that have it by design. */
  architectures: z.array(z.string().min(1)).default([]),
  /**
   * It is about waiting to be readable: a store or projection that answers what it acknowledged at
   * once, by promise, has none of it.
   */
  notAtOnce: z.boolean().default(false),
  /** Why it does not apply to the others, in a sentence without a full stop. */
  otherwise: z.string().min(1),
})

/** Judged against what was measured, at the user's declared rate. */
const Symptom = z.strictObject({
  kind: z.literal('symptom'),
  /**
   * Keys of collect/metrics.ts; the worst of them is judged: `latency.p99Us`, `query.seconds{Q1}`. One without the label
   * that its metric has stands for every instance: `table.deadRows` for the table with the most.
   */
  metrics: z.array(z.string().min(1)).min(1),
  /** Of a step: its figure over all of it, its worst window, or for freshness the store that is soonest or last. */
  take: z.enum(['step', 'worst-window', 'soonest-store', 'last-store']).default('step'),
  /** How many values become one: `p99 over all due events of a step`. Printed. */
  statistic: z.string().min(1),
  thresholds: Thresholds,
  windowS: z.number().positive(),
  sustainedS: z.number().min(0),
  /** A fired trigger clears only this far below its threshold; above that it is called close. */
  hysteresisRatio: z.number().min(0).max(0.9),
  /** What makes it worse: the rate alone, or the rows held at the declared rate and retention. */
  growsWith: z.enum(['rate', 'rows']),
  /** How it is reckoned at a declared rate that no step supports; absent: it is not. */
  reckonedBy: z
    .discriminatedUnion('how', [
      /** The metric is so much per event, times events per second. */
      z.strictObject({ how: z.literal('per-event'), metric: z.string().min(1) }),
      /** F13: what gathers between two visits of autovacuum, in a run too short to see one. */
      z.strictObject({ how: z.literal('between-vacuums') }),
    ])
    .optional(),
  appliesWhere: AppliesWhere.optional(),
})

export const DEMANDS = ['ratePerS', 'rowsPerMonth', 'replayDays', 'consumers', 'regions'] as const

/** Judged against the profile alone. */
const Demand = z.strictObject({
  kind: z.literal('demand'),
  quantity: z.enum(DEMANDS),
  thresholds: Thresholds,
  /** How long the demand lasts before it counts; printed, the profile declares sustained figures. */
  sustainedS: z.number().min(0),
  hysteresisRatio: z.number().min(0).max(0.9),
})

/** A label by declared rate; the first band is home, every later one says that a phase has begun. */
const Bands = z.strictObject({
  kind: z.literal('band'),
  quantity: z.literal('ratePerS'),
  bands: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        fromPerS: z.number().min(0),
        toPerS: z.number().positive(),
        architecture: z.string().min(1),
      }),
    )
    .min(1),
  hysteresisRatio: z.number().min(0).max(0.9),
})

/** F9: how many partitions there are, and how full, at the declared rate and retention. */
const Partitions = z.strictObject({
  kind: z.literal('partitions'),
  /** Fewer rows than this in a partition: it is not worth one. */
  rowsMin: z.number().positive(),
  /** More partitions than this at once, as warning and as critical level. */
  heldMax: z.strictObject({ warning: z.number().positive(), critical: z.number().positive() }),
  hysteresisRatio: z.number().min(0).max(0.9),
  appliesWhere: AppliesWhere,
})

export const Trigger = z.strictObject({
  id: z
    .string()
    .regex(/^E\d+[a-z]?$/, 'E, a number, and a letter where one document row has several levels'),
  title: z.string().min(1),
  /** A few words that fit into a sentence: `p99 > 50 ms`. */
  short: z.string().min(1),
  judged: z.discriminatedUnion('kind', [Symptom, Demand, Bands, Partitions]),
  source: z.strictObject({
    document: z.string().min(1),
    section: z.string().min(1),
    quote: z.string().min(1),
  }),
  action: z.string().min(1),
  /** What is wrong or open in the document, and how it is read here; printed beside the rule. */
  notes: z.array(z.string()).default([]),
  /** Command that would measure it: {scenario}, {target}, {ratePerS} and {rows} are filled in. */
  measure: z.string().min(1),
  anchors: z.array(Anchor).default([]),
})
export type Trigger = z.infer<typeof Trigger>
export type SymptomRule = Extract<Trigger['judged'], { kind: 'symptom' }>
export type DemandRule = Extract<Trigger['judged'], { kind: 'demand' }>
export type PartitionsRule = Extract<Trigger['judged'], { kind: 'partitions' }>
export type BandRule = Extract<Trigger['judged'], { kind: 'band' }>
