/**
 * A latency curve re-read from recorded histograms. In: encoded histograms of several steps or rounds. Out: latency at
 * each percentile over all of them together, up to the percentile the number of samples supports.
 */
import { Histogram } from '../kit/histogram.ts'
import type { EncodedHistogram } from '../kit/histogram.ts'
import type { Point } from './charts/spec.ts'

/** A percentile q takes 10/(1−q) samples: ten events beyond it (design.md, honesty rule 8). */
const SAMPLES_BEYOND = 10
const POINTS_PER_DECADE = 16

/** x of a share on the percentile axis: 0.9 is 1, 0.99 is 2, 0.999 is 3. */
export function percentileAxis(share: number): number {
  return -Math.log10(1 - share)
}

/** Points are [−log10(1−q), µs]; y is null above the share of events that were ever answered. */
export function percentileCurve(encoded: readonly EncodedHistogram[]): readonly Point[] {
  const merged = new Histogram()
  for (const one of encoded) merged.merge(Histogram.decode(one))
  const samples = merged.count + merged.infinite
  if (samples < SAMPLES_BEYOND * 2) return []
  const steps = Math.floor(Math.log10(samples / SAMPLES_BEYOND) * POINTS_PER_DECADE)
  return Array.from({ length: steps + 1 }, (_, i): Point => {
    const x = i / POINTS_PER_DECADE
    const us = merged.quantileUs(1 - 10 ** -x)
    const y = us === null || us === 'infinite' ? null : Number(Math.max(0.1, us).toPrecision(4))
    return [Number(x.toFixed(4)), y]
  })
}
