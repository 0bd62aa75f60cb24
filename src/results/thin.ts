/** Long series into few points. In: points in order of time. Out: a part of them that keeps every peak and valley. */

export interface Point {
  /** ms since the run's epoch. */
  readonly t: number
  readonly v: number
}

/**
 * At most `max` of the points, in their order: the lowest and the highest of every stretch of time, and where `max`
 * is at least 4 the first and the last of all. Fewer than `max` points come back as they are.
 * @param max at least 2
 */
export function thin(points: readonly Point[], max: number): readonly Point[] {
  const thinner = new Thinner(max)
  for (const point of points) thinner.add(point)
  return thinner.points()
}

/** A stretch of consecutive points: only its extremes are kept. Numbers are the order in which points came. */
interface Bucket {
  count: number
  low: Point
  lowAt: number
  high: Point
  highAt: number
}

/** `thin` for a stream of unknown length: memory is bounded by `max`, whatever comes. */
export class Thinner {
  readonly #max: number
  readonly #bucketsMax: number
  #whole: Point[] | null = []
  #buckets: Bucket[] = []
  #perBucket = 1
  #added = 0
  #first: Point | null = null
  #last: Point | null = null

  constructor(max: number) {
    if (!Number.isInteger(max) || max < 2) throw new RangeError('max must be an integer of at least 2')
    this.#max = max
    // Two points per bucket, and room for the first and the last of all.
    this.#bucketsMax = max >= 4 ? Math.floor((max - 2) / 2) : 1
  }

  add(point: Point): void {
    const at = this.#added
    this.#added += 1
    this.#first ??= point
    this.#last = point
    if (this.#whole !== null) {
      if (this.#whole.length < this.#max) {
        this.#whole.push(point)
        return
      }
      const before = this.#whole
      this.#whole = null
      before.forEach((early, index) => {
        this.#place(early, index)
      })
    }
    this.#place(point, at)
  }

  points(): readonly Point[] {
    if (this.#whole !== null) return this.#whole
    const kept = new Map<number, Point>()
    if (this.#max >= 4 && this.#first !== null) kept.set(0, this.#first)
    for (const { low, lowAt, high, highAt } of this.#buckets) {
      if (lowAt <= highAt) kept.set(lowAt, low).set(highAt, high)
      else kept.set(highAt, high).set(lowAt, low)
    }
    if (this.#max >= 4 && this.#last !== null) kept.set(this.#added - 1, this.#last)
    return [...kept].sort(([a], [b]) => a - b).map(([, point]) => point)
  }

  #place(point: Point, at: number): void {
    const open = this.#buckets.at(-1)
    if (open !== undefined && open.count < this.#perBucket) {
      open.count += 1
      if (point.v < open.low.v) Object.assign(open, { low: point, lowAt: at })
      if (point.v > open.high.v) Object.assign(open, { high: point, highAt: at })
      return
    }
    this.#buckets.push({ count: 1, low: point, lowAt: at, high: point, highAt: at })
    while (this.#buckets.length > this.#bucketsMax) this.#mergePairs()
  }

  #mergePairs(): void {
    const merged: Bucket[] = []
    for (let at = 0; at < this.#buckets.length; at += 2) {
      const left = this.#buckets[at]
      const right = this.#buckets[at + 1]
      if (left !== undefined) merged.push(right === undefined ? left : mergeOf(left, right))
    }
    this.#buckets = merged
    this.#perBucket *= 2
  }
}

function mergeOf(left: Bucket, right: Bucket): Bucket {
  const low = right.low.v < left.low.v ? right : left
  const high = right.high.v > left.high.v ? right : left
  return {
    count: left.count + right.count,
    low: low.low,
    lowAt: low.lowAt,
    high: high.high,
    highAt: high.highAt,
  }
}
