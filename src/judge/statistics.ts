/**
 * Few numbers, honestly: medians, intervals over rounds, and whether two of them separate. In: one value per round.
 * Out: intervals. Chance is seeded, so the same records give the same words.
 */
import { median, quantile } from 'simple-statistics'
import type { Interval } from '../results/record.ts'

/** Below this many rounds their range is the interval; a bootstrap of fewer values pretends to know more than it does. */
export const BOOTSTRAP_MIN_ROUNDS = 5
/** Ranking needs at least this many interleaved rounds (design.md, honesty rule 3). */
export const RANKING_MIN_ROUNDS = 3

const RESAMPLES = 2_000
const CONFIDENCE = 0.95

/** null for no values. */
export function medianOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : median([...values])
}

/** @param q 0…1; NaN for no values */
export function quantileOf(values: readonly number[], q: number): number {
  return values.length === 0 ? Number.NaN : quantile([...values], q)
}

/**
 * What the rounds say together: their range around the median below five rounds, from five on a seeded bootstrap
 * interval of the median. null without a value.
 */
export function intervalOverRounds(values: readonly number[]): Interval | null {
  const mid = medianOf(values)
  if (mid === null) return null
  if (values.length < BOOTSTRAP_MIN_ROUNDS || !values.every(Number.isFinite)) {
    return { low: Math.min(...values), mid, high: Math.max(...values) }
  }
  return bootstrapInterval(values, { statistic: median, seed: seedOf(values) })
}

export interface BootstrapOptions {
  readonly statistic: (values: number[]) => number
  readonly seed: number
}

/** Percentile bootstrap at 95 %; the point estimate always lies inside. */
export function bootstrapInterval(values: readonly number[], options: BootstrapOptions): Interval {
  const next = generator(options.seed)
  const estimates: number[] = []
  for (let i = 0; i < RESAMPLES; i++) {
    const drawn = values.map(() => values[Math.floor(next() * values.length)] ?? 0)
    estimates.push(options.statistic(drawn))
  }
  const mid = options.statistic([...values])
  return {
    low: Math.min(mid, quantile(estimates, (1 - CONFIDENCE) / 2)),
    mid,
    high: Math.max(mid, quantile(estimates, (1 + CONFIDENCE) / 2)),
  }
}

/** Whether the intervals share no value. */
export function separates(a: Interval, b: Interval): boolean {
  return a.high < b.low || b.high < a.low
}

export function scaleInterval(interval: Interval, factor: number): Interval {
  const ends = [interval.low * factor, interval.high * factor]
  return { low: Math.min(...ends), mid: interval.mid * factor, high: Math.max(...ends) }
}

export interface RankingInput {
  readonly name: string
  /** One value per round that counts, in the order of rounds. */
  readonly values: readonly number[]
}

export interface RankingResult {
  readonly order: readonly string[] | null
  readonly because: string
}

/** Best first where there are three interleaved rounds of each and all neighbours' intervals separate. */
export function rank(inputs: readonly RankingInput[], better: 'less' | 'more'): RankingResult {
  if (inputs.length < 2) return { order: null, because: 'there is nothing to compare' }
  const short = inputs.filter((input) => input.values.length < RANKING_MIN_ROUNDS)
  if (short.length > 0) {
    const fewest = Math.min(...inputs.map((input) => input.values.length))
    const names = short.map((input) => input.name).join(', ')
    return {
      order: null,
      because: `${names} counted ${String(fewest)} of the ${String(RANKING_MIN_ROUNDS)} interleaved rounds a ranking takes`,
    }
  }
  const known = inputs.map((input) => ({ name: input.name, interval: solidInterval(input.values) }))
  const sign = better === 'less' ? 1 : -1
  const sorted = known.toSorted((a, b) => sign * (a.interval.mid - b.interval.mid))
  for (const [i, one] of sorted.entries()) {
    const next = sorted[i + 1]
    if (next !== undefined && !separates(one.interval, next.interval)) {
      return {
        order: null,
        because: `the rounds of ${one.name} and ${next.name} overlap`,
      }
    }
  }
  const rounds = Math.min(...inputs.map((input) => input.values.length))
  return {
    order: sorted.map((one) => one.name),
    because: `the intervals of ${String(rounds)} interleaved rounds separate`,
  }
}

/** Deterministic numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

function solidInterval(values: readonly number[]): Interval {
  const interval = intervalOverRounds(values)
  return interval ?? { low: Number.NaN, mid: Number.NaN, high: Number.NaN }
}

/** The seed follows from the values, so a redrawn report says the same. */
function seedOf(values: readonly number[]): number {
  let hash = 2_166_136_261
  for (const value of values) {
    for (const char of String(value)) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619)
  }
  return hash >>> 0
}
