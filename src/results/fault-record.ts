/** What is kept of a fault that was put on a run's target. As record.ts. */
import { z } from 'zod'

const count = z.number().int().min(0)

/** One fault of the scenario, as it was put, and the curve of what followed. */
export const FaultSeen = z.strictObject({
  name: z.string(),
  kind: z.enum(['kill', 'freeze', 'statements', 'session', 'restore']),
  /** The part, or the role of the engine. */
  on: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  /** What could not be done, and why; null: all was. */
  failed: z.string().nullable(),
  /** Of a restore: up to what, and until when (ms after the epoch) everything acknowledged had to be there again. */
  restored: z.strictObject({ upTo: z.string(), keptUntilMs: z.number() }).optional(),
  /**
   * ms. `noticed`: from its begin to the first second that was not calm, null: clients never noticed. `drained`: from its
   * end until no store lagged more than before, `whole`: until every second was calm again; null: not within the run.
   */
  noticedMs: z.number().nullable(),
  drainedMs: z.number().nullable(),
  wholeMs: z.number().nullable(),
  /** From its begin until the next fault or the end: due events that were not accepted, the worst second, the worst lag. */
  notAcceptedEvents: count,
  worstP99Us: z.number().nullable(),
  backlogEventsMax: z.number().nullable(),
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
