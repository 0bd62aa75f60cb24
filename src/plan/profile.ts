/** Who asks: the user's own load, growth and needs. Demand triggers are judged against it, never against a synthetic rate. */
import { z } from 'zod'

/** Low, likely and high end of something not known exactly. */
const IntervalInput = z
  .union([z.number(), z.strictObject({ low: z.number(), mid: z.number(), high: z.number() })])
  .transform((value) =>
    typeof value === 'number' ? { low: value, mid: value, high: value } : value,
  )
  .refine((value) => value.low <= value.mid && value.mid <= value.high, 'low ≤ mid ≤ high')

export const Profile = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(''),
  /** Events per second that the system takes today, sustained. */
  ratePerS: z.number().positive(),
  /** Growth of the rate per month: 0.08 is 8 %. */
  growthPerMonthRatio: IntervalInput,
  eventBytes: z.number().positive().default(500),
  retentionDays: z.number().positive().default(90),
  needs: z
    .strictObject({
      /** How far back events must be replayable; 0 is not at all. */
      replayDays: z.number().min(0).default(0),
      /** Independent consumers of the stream. */
      consumers: z.int().min(0).default(1),
      /** How old an analytical answer may be. */
      freshnessS: z.number().positive().default(60),
      durability: z.enum(['process-kill', 'power-loss', 'node-loss']).default('power-loss'),
      regions: z.int().positive().default(1),
    })
    .prefault({}),
})
export type Profile = z.infer<typeof Profile>
