/** What is kept of a fault that was put on a run's target. As record.ts. */
import { z } from 'zod'

const count = z.number().int().min(0)

/** The metric that a fault is about. */
export const SymptomSeen = z.strictObject({
  /** As the scenario names it: an id, or an id with its label. */
  metric: z.string(),
  /** Highest before the first fault, highest from the fault's begin on, and last; null: nobody looked. */
  before: z.number().nullable(),
  highest: z.number().nullable(),
  last: z.number().nullable(),
  /** ms from the fault's begin to the first look above its level of before; null: it never rose. */
  noticedMs: z.number().nullable(),
  /** ms from the fault's end to the look at which it was near that level again and stayed; null: not within the run. */
  backMs: z.number().nullable(),
})
export type SymptomSeen = z.infer<typeof SymptomSeen>

/** One fault of the scenario, as it was put, and the curve of what followed. */
export const FaultSeen = z.strictObject({
  name: z.string(),
  kind: z.enum(['kill', 'freeze', 'statements', 'session', 'pause', 'restore']),
  /** The part, or the role of the engine. */
  on: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  /** What could not be done, and why; null: all was. */
  failed: z.string().nullable(),
  /** Of a pause: why what was paused could not go on. Absent: it went on. */
  notResumed: z.string().optional(),
  /** Of a restore: up to what, and until when (ms after the epoch) everything acknowledged had to be there again. */
  restored: z.strictObject({ upTo: z.string(), keptUntilMs: z.number() }).optional(),
  /**
   * ms. `noticed`: from its begin to the first second that was not calm, null: clients never noticed. `drained`: from its
   * end until no store lagged more than before, `whole`: until every second was calm again, and its symptom back; null: not
   * within the run.
   */
  noticedMs: z.number().nullable(),
  drainedMs: z.number().nullable(),
  wholeMs: z.number().nullable(),
  /** From its begin until the next fault or the end: due events that were not accepted, the worst second, the worst lag. */
  notAcceptedEvents: count,
  worstP99Us: z.number().nullable(),
  backlogEventsMax: z.number().nullable(),
  /** Absent: the scenario names none. */
  symptom: SymptomSeen.optional(),
  /** Before the first fault: what the rest is compared with. */
  calm: z.strictObject({ p99Us: z.number().nullable(), backlogEventsMax: z.number().nullable() }),
  /** Gauges that rose most: highest value in the seconds before, from begin to end, and last. */
  moved: z.array(
    z.strictObject({
      metric: z.string(),
      before: z.number(),
      highest: z.number(),
      last: z.number(),
    }),
  ),
})
export type FaultSeen = z.infer<typeof FaultSeen>
