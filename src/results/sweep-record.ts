/** What varies in a sweep, as a record keeps it: axes with their levels, and which point of the grid each target is. */
import { z } from 'zod'

/** One value of an axis: what it sets, by path; empty where the files are left as they are. */
const SweepLevel = z.strictObject({
  /** As people read it: `off`, `100`. */
  label: z.string(),
  set: z.record(z.string(), z.json()),
})

const SweepAxis = z.strictObject({
  /** `synchronous_commit`. */
  name: z.string(),
  /** `engines.database.settings.synchronous_commit`; null where a level sets several at once. */
  path: z.string().nullable(),
  levels: z.array(SweepLevel).min(2),
})
export type SweepAxis = z.infer<typeof SweepAxis>

/** `cross`: every combination. `one-at-a-time`: each axis alone, the others at their first level. */
export const SweepMode = z.enum(['cross', 'one-at-a-time'])
export type SweepMode = z.infer<typeof SweepMode>

const SweepPoint = z.strictObject({
  /** Name of the study’s target that this is. */
  target: z.string(),
  /** The target it was made of. */
  of: z.string(),
  /** `pg-batch, synchronous_commit=off`. */
  label: z.string(),
  /** Which level of each axis, from 0, in the order of axes; all 0 is the base. */
  levels: z.array(z.int().min(0)),
})
export type SweepPoint = z.infer<typeof SweepPoint>

/**
 * What of a metric is compared. `mean` of a gauge and `growth` of a counter over the step at the compared rate, `worst` its
 * worst window there (of a query its slowest answer), `last` what was found at the end, else a percentile.
 */
export const FigureTake = z.enum(['mean', 'growth', 'worst', 'last', 'p50', 'p90', 'p99', 'p999'])
export type FigureTake = z.infer<typeof FigureTake>

export const FigureBetter = z.enum(['less', 'more', 'neither'])

/** A figure that the sweep's own question is about, beside those that all sweeps are compared by. */
const SweepFigure = z.strictObject({
  /** A key of collect/metrics: `query.seconds{Q9}`. */
  metric: z.string(),
  of: FigureTake,
  better: FigureBetter,
})
export type SweepFigure = z.infer<typeof SweepFigure>

export const Sweep = z.strictObject({
  /** Of the sweep’s file; absent: it was typed. */
  file: z.string().optional(),
  asks: z.string().optional(),
  /** Rows of the mission map. */
  documents: z.array(z.string()).optional(),
  /** Documented levels that are left out, each with the reason. */
  notMeasured: z.array(z.string()).optional(),
  /** Absent: none, or a record of before a sweep could ask for any. */
  figures: z.array(SweepFigure).optional(),
  mode: SweepMode,
  axes: z.array(SweepAxis).min(1),
  points: z.array(SweepPoint).min(1),
})
export type Sweep = z.infer<typeof Sweep>
