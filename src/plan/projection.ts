/**
 * When a growing rate reaches a crossing. In: declared rate, growth per month and crossing rate as intervals. Out: months
 * and a range of calendar months. The start is the study's own date: nothing here asks a clock.
 */

export interface Range {
  readonly low: number
  readonly mid: number
  readonly high: number
}

/** Nothing is projected further than this. */
export const HORIZON_MONTHS = 60

/**
 * Months until a rate that grows by `growthPerMonthRatio` every month reaches `crossingPerS`; 0 when it is there
 * already, null when it never will be.
 */
export function monthsUntil(
  ratePerS: number,
  crossingPerS: number,
  growthPerMonthRatio: number,
): number | null {
  if (crossingPerS <= ratePerS) return 0
  if (growthPerMonthRatio <= 0) return null
  return Math.log(crossingPerS / ratePerS) / Math.log1p(growthPerMonthRatio)
}

export interface ProjectionInput {
  readonly ratePerS: number
  readonly growthPerMonthRatio: Range
  readonly crossingPerS: Range
  /** ISO date the declared rate was true at: the study's start. */
  readonly startedAt: string
}

export interface ProjectedMonths {
  /** YYYY-MM: fastest growth meets the lowest crossing; null when not within the horizon. */
  readonly earliest: string | null
  readonly likely: string | null
  /** Slowest growth meets the highest crossing. */
  readonly latest: string | null
}

export function projectCrossing(input: ProjectionInput): ProjectedMonths {
  const { ratePerS, growthPerMonthRatio: growth, crossingPerS: crossing } = input
  const month = (crossingAt: number, growthRatio: number): string | null => {
    const months = monthsUntil(ratePerS, crossingAt, growthRatio)
    return months === null || months > HORIZON_MONTHS ? null : monthAfter(input.startedAt, months)
  }
  return {
    earliest: month(crossing.low, growth.high),
    likely: month(crossing.mid, growth.mid),
    latest: month(crossing.high, growth.low),
  }
}

/** The calendar month (YYYY-MM, UTC) that lies so many months after an ISO date. */
export function monthAfter(iso: string, months: number): string {
  const start = new Date(iso)
  const year = start.getUTCFullYear()
  const month = start.getUTCMonth()
  const daysInMonth = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const total = year * 12 + month + Math.floor((start.getUTCDate() - 1) / daysInMonth + months)
  const yearText = String(Math.floor(total / 12)).padStart(4, '0')
  return `${yearText}-${String((total % 12) + 1).padStart(2, '0')}`
}
