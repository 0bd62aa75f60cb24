/** Quantities as records keep them: percentiles with their samples, intervals over rounds, what never ended. */
import { z } from 'zod'

const count = z.number().int().min(0)

/** A latency or time that may never have ended: unanswered events are infinite, not missing. */
export const Quantile = z.union([z.number(), z.literal('infinite')])
export type Quantile = z.infer<typeof Quantile>

export const EncodedHistogram = z.strictObject({ hdr: z.string(), count, infinite: count })

export const Percentiles = z.strictObject({
  samples: count,
  infinite: count,
  p50: Quantile,
  p90: Quantile,
  p99: Quantile,
  p999: Quantile,
  max: Quantile,
  /** Re-readable and mergeable; empty where only the percentiles are known. */
  histogram: EncodedHistogram.nullable(),
})
export type Percentiles = z.infer<typeof Percentiles>

export const Interval = z.strictObject({ low: z.number(), mid: z.number(), high: z.number() })
export type Interval = z.infer<typeof Interval>

