/**
 * How many requests are expected by a moment, and when the n-th is. In: segments with rates. Out: both directions of
 * one piecewise quadratic curve, in closed form. Pure.
 */
import { assert } from '../kit/errors.ts'
import type { Segment } from './job.ts'

export class RateCurve {
  readonly #segments: readonly Segment[]
  /** Expected requests before segment k; one more entry than segments. */
  readonly #before: Float64Array
  readonly #batchEvents: number
  #last = 0

  constructor(segments: readonly Segment[], batchEvents: number) {
    this.#segments = segments
    this.#batchEvents = batchEvents
    this.#before = new Float64Array(segments.length + 1)
    for (const [k, segment] of segments.entries()) {
      const { fromS, toS, fromPerS, toPerS } = segment
      assert(toS >= fromS, `segment ${segment.name} ends before it begins`)
      assert(
        fromS >= (segments[k - 1]?.toS ?? 0),
        `segment ${segment.name} overlaps the one before`,
      )
      assert(fromPerS >= 0 && toPerS >= 0, `segment ${segment.name} has a negative rate`)
      const requests = ((toS - fromS) * (fromPerS + toPerS)) / 2 / batchEvents
      this.#before[k + 1] = (this.#before[k] ?? 0) + requests
    }
  }

  /** Expected requests of the whole schedule; not a whole number. */
  get total(): number {
    return this.#before[this.#segments.length] ?? 0
  }

  /** Seconds after the epoch at which `count` requests are expected; `count` within 0…total. */
  secondsAt(count: number): number {
    const k = this.#segmentOfCount(count)
    const segment = this.#segments[k]
    if (segment === undefined) return 0
    const inside = (count - (this.#before[k] ?? 0)) * this.#batchEvents
    if (inside <= 0) return segment.fromS
    const lengthS = segment.toS - segment.fromS
    const slope = (segment.toPerS - segment.fromPerS) / lengthS
    // The root of fromPerS·t + slope·t²/2 = inside, in the form that does not cancel for small slopes.
    const root = Math.sqrt(Math.max(0, segment.fromPerS ** 2 + 2 * slope * inside))
    return segment.fromS + Math.min(lengthS, (2 * inside) / (segment.fromPerS + root))
  }

  /** Requests expected before this second. */
  countAt(seconds: number): number {
    let count = 0
    for (const [k, { fromS, toS, fromPerS, toPerS }] of this.#segments.entries()) {
      if (seconds < fromS) break
      count = this.#before[k + 1] ?? 0
      if (seconds >= toS) continue
      const t = seconds - fromS
      const slope = (toPerS - fromPerS) / (toS - fromS)
      return (this.#before[k] ?? 0) + (t * (fromPerS + (slope * t) / 2)) / this.#batchEvents
    }
    return count
  }

  /** Schedules are walked in order: the segment of the last answer is nearly always the right one. */
  #segmentOfCount(count: number): number {
    let k = this.#last
    while (k > 0 && count < (this.#before[k] ?? 0)) k--
    while (k < this.#segments.length - 1 && count >= (this.#before[k + 1] ?? 0)) k++
    this.#last = k
    return k
  }
}
