/**
 * A sentence of a document that can be checked, as data. In: a parsed YAML document, one claim per file. Out: a `Claim`:
 * where the sentence stands, which experiment measures it, what the document lets expect, and how that is judged.
 */
import { z } from 'zod'

const Bounds = z
  .strictObject({ atLeast: z.number().optional(), atMost: z.number().optional() })
  .refine(
    ({ atLeast, atMost }) => atLeast !== undefined || atMost !== undefined,
    'says atLeast, atMost or both',
  )
  .refine(
    ({ atLeast, atMost }) => atLeast === undefined || atMost === undefined || atLeast <= atMost,
    'atLeast ≤ atMost',
  )
export type Bounds = z.infer<typeof Bounds>

const Measure = z.strictObject({
  /** What the figure is, in words. */
  says: z.string().min(1),
  /** Arithmetic over figures of the experiment: `full.load.s / none.load.s`. */
  value: z.string().min(1),
  /** Written behind the number; `%` and `×` are such units. */
  unit: z.string(),
  /** `counter`: the engine's own count, the same on any machine. `time`: this machine's. */
  kind: z.enum(['counter', 'time']),
  /**
   * `decides`: in or out of what the document says decides between confirmed and refuted. `limits`: where it lies
   * outside, a confirmed claim is qualified. `context`: told, never judged.
   */
  role: z.enum(['decides', 'limits', 'context']).default('decides'),
  /** What the document lets expect. */
  documented: Bounds.optional(),
  /** What was found before, elsewhere; a counter that differs by more than `within` has an explanation. */
  seen: z
    .strictObject({
      value: z.number(),
      where: z.string().min(1),
      within: z.number().positive(),
      differs: z.string().optional(),
    })
    .optional(),
})
export type Measure = z.infer<typeof Measure>

/** A sentence that is said only where a figure lies within bounds of our own in every round. */
const Reading = z.strictObject({
  says: z.string().min(1),
  /** Arithmetic over figures, as a measure's. */
  value: z.string().min(1),
  kind: z.enum(['counter', 'time']),
  within: Bounds,
})
export type Reading = z.infer<typeof Reading>

export const Claim = z.strictObject({
  id: z.string().regex(/^[A-Z][A-Za-z0-9-]*$/, 'a capital letter, then letters, digits and dashes'),
  title: z.string().min(1),
  source: z.strictObject({
    document: z.string().min(1),
    /** The seed it stands in. */
    file: z.string().min(1),
    /** Word for word. */
    quote: z.string().min(1),
  }),
  /** Under which it is measured here, and what the document leaves open. */
  conditions: z.string().min(1),
  experiment: z.string().min(1),
  measures: z.array(Measure).min(1),
  /** Why what is measured here cannot refute the claim, only qualify it. */
  cannotRefute: z.string().optional(),
  /** What to make of it, beside the verdict: only what no measurement can contradict. */
  reading: z.string().default(''),
  /** The rest of it follows from the figures: each sentence in order, where it holds. */
  readings: z.array(Reading).default([]),
})
export type Claim = z.infer<typeof Claim>
