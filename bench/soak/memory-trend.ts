/** Whether memory grows. In: one RSS sample per second. Out: its peak and how much a fitted line rises over the end. */
import { linearRegression, median } from 'simple-statistics'

export interface RssSample {
  /** After the first due event. */
  readonly atS: number
  readonly rssBytes: number
}

export interface MemoryTrend {
  readonly maxBytes: number
  readonly fromS: number
  readonly toS: number
  /** Rise of the least-squares line over the samples from `fromS` to `toS`; negative when it falls. */
  readonly riseBytes: number
  /** Median of the last quarter of that stretch less the median of its first quarter. */
  readonly quarterRiseBytes: number
}

/** The last two thirds: of half an hour, the last twenty minutes. */
const TAIL_RATIO = 2 / 3

export function memoryTrend(samples: readonly RssSample[]): MemoryTrend {
  const last = samples.at(-1)
  if (last === undefined) throw new Error('no sample of the memory was taken')
  const fromS = last.atS * (1 - TAIL_RATIO)
  const tail = samples.filter(({ atS }) => atS >= fromS)
  const { m } = linearRegression(tail.map(({ atS, rssBytes }) => [atS, rssBytes]))
  const quarter = Math.max(1, Math.floor(tail.length / 4))
  const mid = (part: readonly RssSample[]): number => median(part.map(({ rssBytes }) => rssBytes))
  return {
    maxBytes: samples.reduce((max, { rssBytes }) => Math.max(max, rssBytes), 0),
    fromS,
    toS: last.atS,
    riseBytes: m * (last.atS - fromS),
    quarterRiseBytes: mid(tail.slice(-quarter)) - mid(tail.slice(0, quarter)),
  }
}

/** Median of every minute: what a summary keeps of thousands of samples. */
export function perMinute(
  samples: readonly RssSample[],
): readonly { readonly minute: number; readonly medianBytes: number; readonly maxBytes: number }[] {
  const minutes = new Map<number, number[]>()
  for (const { atS, rssBytes } of samples) {
    const minute = Math.floor(atS / 60)
    minutes.set(minute, [...(minutes.get(minute) ?? []), rssBytes])
  }
  return [...minutes].map(([minute, bytes]) => ({
    minute,
    medianBytes: median(bytes),
    maxBytes: Math.max(...bytes),
  }))
}
