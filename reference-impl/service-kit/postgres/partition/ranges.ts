/**
 * Time ranges of partitions, in UTC. In: an interval and a moment. Out: the range it lies in, those around it, and what a
 * range's partition is called, as the documents call it: `events_2026_02_25`.
 */
export const INTERVALS = ['hour', 'day', 'week', 'month'] as const
export type Interval = (typeof INTERVALS)[number]

/** Who makes partitions ahead of time, and drops those past retention. */
export type PartitionMaker = 'own' | 'pg_partman'

/** From is in it, to is not. */
export interface Range {
  readonly from: Date
  readonly to: Date
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const DAYS_OF_WEEK = 7
/** Of getUTCDay: a week begins on a Monday, as ISO 8601 and date_trunc have it. */
const MONDAY = 1

export function rangeAt(interval: Interval, moment: Date): Range {
  return rangeFrom(interval, startOf(interval, moment))
}

/** @param steps ranges later; earlier where negative */
export function rangeBeside(interval: Interval, range: Range, steps: number): Range {
  return rangeFrom(interval, moved(interval, range.from, steps))
}

/** The range of a moment with those before and behind it, oldest first. */
export function rangesAround(
  interval: Interval,
  moment: Date,
  { behind, ahead }: { readonly behind: number; readonly ahead: number },
): readonly Range[] {
  const now = rangeAt(interval, moment)
  return Array.from({ length: behind + 1 + ahead }, (_, index) =>
    rangeBeside(interval, now, index - behind),
  )
}

/** @param maker pg_partman calls what it makes its own way: `events_p20260225`, `events_p20260225_140000` */
export function partitionName(
  interval: Interval,
  { from }: Range,
  maker: PartitionMaker = 'own',
): string {
  if (maker === 'pg_partman') {
    const [date = '', time = ''] = from
      .toISOString()
      .replaceAll(/[-:]|\..*/g, '')
      .split('T')
    return interval === 'hour' ? `events_p${date}_${time}` : `events_p${date}`
  }
  const [day = '', time = ''] = from.toISOString().split('T')
  const [year, month, date] = day.split('-')
  switch (interval) {
    case 'hour':
      return `events_${[year, month, date, time.slice(0, 2)].join('_')}`
    case 'day':
    case 'week':
      return `events_${[year, month, date].join('_')}`
    case 'month':
      return `events_${[year, month].join('_')}`
  }
}

/** As a bound in SQL, whatever the session's time zone. */
export function boundsOf({ from, to }: Range): string {
  return `FROM ('${from.toISOString()}') TO ('${to.toISOString()}')`
}

function rangeFrom(interval: Interval, from: Date): Range {
  return { from, to: moved(interval, from, 1) }
}

function startOf(interval: Interval, moment: Date): Date {
  const midnight = Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth(), moment.getUTCDate())
  switch (interval) {
    case 'hour':
      return new Date(Math.floor(moment.getTime() / HOUR_MS) * HOUR_MS)
    case 'day':
      return new Date(midnight)
    case 'week': {
      const daysSinceMonday = (moment.getUTCDay() - MONDAY + DAYS_OF_WEEK) % DAYS_OF_WEEK
      return new Date(midnight - daysSinceMonday * DAY_MS)
    }
    case 'month':
      return new Date(Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth()))
  }
}

function moved(interval: Interval, from: Date, steps: number): Date {
  switch (interval) {
    case 'hour':
      return new Date(from.getTime() + steps * HOUR_MS)
    case 'day':
      return new Date(from.getTime() + steps * DAY_MS)
    case 'week':
      return new Date(from.getTime() + steps * DAYS_OF_WEEK * DAY_MS)
    case 'month':
      return new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + steps))
  }
}
