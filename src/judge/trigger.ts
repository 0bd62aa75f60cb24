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

/** Judged against what was measured, at the user's declared rate. */
const Symptom = z.strictObject({
  kind: z.literal('symptom'),
  /** Keys of collect/metrics.ts; the worst of them is judged: `latency.p99Us`, `query.seconds{Q1}`. */
  metrics: z.array(z.string().min(1)).min(1),
  /** How many values become one: `p99 over all due events of a step`. Printed. */
  statistic: z.string().min(1),
  thresholds: Thresholds,
  windowS: z.number().positive(),
  sustainedS: z.number().min(0),
  /** A fired trigger clears only this far below its threshold; above that it is called close. */
  hysteresisRatio: z.number().min(0).max(0.9),
  /** What makes it worse: the rate alone, or the rows held at the declared rate and retention. */
  growsWith: z.enum(['rate', 'rows']),
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

export const Trigger = z.strictObject({
  id: z.string().regex(/^E\d+$/, 'E and a number'),
  title: z.string().min(1),
  /** A few words that fit into a sentence: `p99 > 50 ms`. */
  short: z.string().min(1),
  judged: z.discriminatedUnion('kind', [Symptom, Demand, Bands]),
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
export type BandRule = Extract<Trigger['judged'], { kind: 'band' }>
