/**
 * A latency curve re-read from recorded histograms. In: encoded HDR histograms of several steps or rounds. Out: latency
 * at each percentile over all of them together, up to the percentile the number of samples supports.
 */
import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js'
import type { EncodedHistogram } from '../results/record.ts'
import type { z } from 'zod'
import type { Point } from './charts/spec.ts'

/** A percentile q is only shown with this many samples beyond it: 10/(1−q) samples in all. */
const SAMPLES_BEYOND = 10
const POINTS_PER_DECADE = 16

/** x of a share on the percentile axis: 0.9 is 1, 0.99 is 2, 0.999 is 3. */
export function percentileAxis(share: number): number {
  return -Math.log10(1 - share)
}

/** Points are [−log10(1−q), µs]; null above the share of events that were ever answered. */
export function percentileCurve(
  encoded: readonly z.infer<typeof EncodedHistogram>[],
): readonly Point[] {
  const merged = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3.6e9,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
    useWebAssembly: false,
  })
  let finite = 0
  let total = 0
  for (const one of encoded) {
    total += one.count + one.infinite
    finite += one.count
    if (one.count > 0) merged.add(decodeFromCompressedBase64(one.hdr, 32, false))
  }
  if (total < SAMPLES_BEYOND * 2) return []
  const decades = Math.log10(total / SAMPLES_BEYOND)
  const steps = Math.floor(decades * POINTS_PER_DECADE)
  return Array.from({ length: steps + 1 }, (_, i): Point => {
    const x = i / POINTS_PER_DECADE
    const rank = (1 - 10 ** -x) * total
    const us = rank > finite ? null : merged.getValueAtPercentile((rank / finite) * 100)
    return [Number(x.toFixed(4)), us === null ? null : Math.max(1, us)]
  })
}
