/**
 * How often each time span was seen. In: microseconds, or "never ended". Out: percentiles over all of them, and a text
 * form that merges without loss. The only file that knows hdr-histogram-js.
 */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import { assert } from './errors.ts'

/** A quantile that falls among events that never ended is infinite, not a number. */
export type HistogramQuantile = number | 'infinite'

/** HDR histogram, V2 compressed, base64. Its values are tenths of a microsecond. Infinite ones are counted beside it. */
export interface EncodedHistogram {
  readonly hdr: string
  /** Finite values. */
  readonly count: number
  readonly infinite: number
}

export interface HistogramPercentiles {
  /** Finite and infinite values. */
  readonly samples: number
  readonly infinite: number
  readonly p50: HistogramQuantile
  readonly p90: HistogramQuantile
  readonly p99: HistogramQuantile
  readonly p999: HistogramQuantile
  readonly max: HistogramQuantile
  readonly histogram: EncodedHistogram
}

const TICKS_PER_US = 10
/** 128 buckets per doubling: a bucket is at most 1/128 of its value wide, its middle at most 0.4 % off. */
const SUB_BITS = 7
const SUB_BUCKETS = 1 << SUB_BITS
/** Ticks below this have a bucket each. */
const EXACT_TICKS = 2 * SUB_BUCKETS
/** 2^43 ticks are ten days: longer spans are recorded as that. */
const VALUE_BITS = 43
const MAX_TICKS = 2 ** VALUE_BITS - 1
const BUCKETS = EXACT_TICKS + (VALUE_BITS - SUB_BITS - 1) * SUB_BUCKETS
/** From here on `| 0` would wrap. */
const INT_TICKS = 2 ** 31
const WIDE_SHIFT = 16
/** The 32-bit counters are emptied into 64-bit ones before one of them could overflow. */
const SPILL_AT = 2 ** 30

/** Largest distance of a quantile from the true value, as a share of it, for values of 13 µs and more. */
export const HISTOGRAM_RELATIVE_ERROR = 1 / (2 * SUB_BUCKETS)
/** Largest distance of a quantile from the true value below 13 µs. */
export const HISTOGRAM_RESOLUTION_US = 1 / TICKS_PER_US

/** What its histograms have and its exported interface leaves out. */
interface CountsOfHdr {
  readonly countsArrayLength: number
  getCountAtIndex(index: number): number
  valueFromIndex(index: number): number
}

export class Histogram {
  readonly #recent = new Int32Array(BUCKETS)
  #spilled: Float64Array | null = null
  #infinite = 0
  #maxUs = 0

  /**
   * Counts one span, `times` times. A negative one (clocks differ by a hair) counts as 0, an infinite one as infinite.
   * @param times a whole number; one span of a batch stands for every event in it
   */
  record(us: number, times = 1): void {
    const ticks = us * TICKS_PER_US + 0.5
    let bucket: number
    if (ticks >= 0 && ticks < INT_TICKS) {
      const x = ticks | 0
      // No branch on the size: which bucket comes next is what a processor cannot guess.
      const shift = 31 - SUB_BITS - Math.clz32(x | (EXACT_TICKS - 1))
      bucket = (shift << SUB_BITS) + (x >>> shift)
    } else if (us === Infinity) {
      this.#infinite += times
      return
    } else bucket = us > 0 ? wideBucketOf(us) : 0
    if (us > this.#maxUs) this.#maxUs = us
    const count = (this.#recent[bucket] ?? 0) + times
    this.#recent[bucket] = count
    if (count >= SPILL_AT) this.#spill()
  }

  recordInfinite(times: number): void {
    assert(Number.isInteger(times) && times >= 0, 'infinite values are counted in whole numbers')
    this.#infinite += times
  }

  /** Finite values. Added up when asked for: a counter of its own would cost every record. */
  get count(): number {
    let sum = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) sum += this.#countAt(bucket)
    return sum
  }

  get infinite(): number {
    return this.#infinite
  }

  /** The largest finite value, µs, exact until the histogram was encoded; 0 when empty. */
  get maxUs(): number {
    return this.#maxUs
  }

  merge(other: Histogram): void {
    const mine = this.#spill()
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      mine[bucket] = (mine[bucket] ?? 0) + other.#countAt(bucket)
    }
    this.#infinite += other.#infinite
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs)
  }

  reset(): void {
    this.#recent.fill(0)
    this.#spilled = null
    this.#infinite = 0
    this.#maxUs = 0
  }

  /**
   * The smallest value that at least this share of all values, infinite ones included, does not exceed; µs.
   * @param ratio 0…1
   * @returns null when nothing was recorded
   */
  quantileUs(ratio: number): HistogramQuantile | null {
    assert(ratio >= 0 && ratio <= 1, 'a quantile is asked for as a ratio')
    const finite = this.count
    const all = finite + this.#infinite
    if (all === 0) return null
    // 0.99 × 100 is 99.00000000000001 in floating point: without the slack the rank would be one too far.
    const rank = Math.max(1, Math.ceil(all * ratio - 1e-9 * all))
    if (rank > finite) return 'infinite'
    if (rank === finite) return this.#maxUs
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#countAt(bucket)
      if (seen >= rank) return Math.min(middleTicksOf(bucket) / TICKS_PER_US, this.#maxUs)
    }
    throw new Error('assertion failed: a histogram holds as many values as it counted')
  }

  encode(): EncodedHistogram {
    const hdr = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue:
        2 ** Math.max(12, Math.ceil(Math.log2(this.#maxUs * TICKS_PER_US + 2))),
      numberOfSignificantValueDigits: 3,
      bitBucketSize: 64,
    })
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#countAt(bucket)
      // HDR's buckets of three digits are 8 times finer: the middle lands inside ours again when it is read.
      if (count > 0) hdr.recordValueWithCount(Math.floor(middleTicksOf(bucket)), count)
    }
    return {
      hdr: encodeIntoCompressedBase64(hdr),
      count: this.count,
      infinite: this.#infinite,
    }
  }

  /** @throws Error when the text is not an HDR V2 histogram, or holds another number of values than it says. */
  static decode(encoded: EncodedHistogram): Histogram {
    const histogram = new Histogram()
    const hdr = decodeFromCompressedBase64(encoded.hdr, 64) as unknown as CountsOfHdr
    const counts = histogram.#spill()
    let total = 0
    for (let index = 0; index < hdr.countsArrayLength; index++) {
      const count = hdr.getCountAtIndex(index)
      if (count === 0) continue
      const ticks = hdr.valueFromIndex(index)
      const bucket = bucketOfTicks(ticks)
      counts[bucket] = (counts[bucket] ?? 0) + count
      total += count
      histogram.#maxUs = middleTicksOf(bucket) / TICKS_PER_US
    }
    if (total !== encoded.count) {
      throw new Error(
        `the histogram holds ${String(total)} values and says ${String(encoded.count)}`,
      )
    }
    histogram.#infinite = encoded.infinite
    return histogram
  }

  #countAt(bucket: number): number {
    return (this.#recent[bucket] ?? 0) + (this.#spilled?.[bucket] ?? 0)
  }

  #spill(): Float64Array {
    const spilled = (this.#spilled ??= new Float64Array(BUCKETS))
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      spilled[bucket] = (spilled[bucket] ?? 0) + (this.#recent[bucket] ?? 0)
    }
    this.#recent.fill(0)
    return spilled
  }
}

/** The percentiles every report shows; null when nothing was recorded. */
export function percentilesOf(from: Histogram | EncodedHistogram): HistogramPercentiles | null {
  const histogram = from instanceof Histogram ? from : Histogram.decode(from)
  const at = (ratio: number): HistogramQuantile => histogram.quantileUs(ratio) ?? 0
  if (histogram.count + histogram.infinite === 0) return null
  return {
    samples: histogram.count + histogram.infinite,
    infinite: histogram.infinite,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: histogram.infinite > 0 ? 'infinite' : histogram.maxUs,
    histogram: from instanceof Histogram ? from.encode() : from,
  }
}

/** Adds up histograms of rounds, workers or segments without losing a value. */
export function mergeEncoded(parts: readonly EncodedHistogram[]): EncodedHistogram {
  const sum = new Histogram()
  for (const part of parts) sum.merge(Histogram.decode(part))
  return sum.encode()
}

function wideBucketOf(us: number): number {
  return bucketOfTicks(Math.min(MAX_TICKS, Math.round(us * TICKS_PER_US)))
}

function bucketOfTicks(ticks: number): number {
  if (ticks >= INT_TICKS) {
    return bucketOfTicks(Math.floor(ticks / 2 ** WIDE_SHIFT)) + WIDE_SHIFT * SUB_BUCKETS
  }
  if (ticks < EXACT_TICKS) return ticks
  const shift = 31 - SUB_BITS - Math.clz32(ticks)
  return (shift << SUB_BITS) + (ticks >>> shift)
}

function middleTicksOf(bucket: number): number {
  if (bucket < EXACT_TICKS) return bucket
  const shift = (bucket >>> SUB_BITS) - 1
  const first = (bucket - (shift << SUB_BITS)) * 2 ** shift
  return first + (2 ** shift - 1) / 2
}
