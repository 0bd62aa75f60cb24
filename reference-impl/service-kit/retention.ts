/**
 * A door that is closed to what is past retention: a 2xx must not be given for what the next maintenance drops. In: a door, the
 * partitions' interval, how many past ones are kept. Out: the door that rejects older events, with the reason.
 */
import { refuse, type Door } from './door.ts'
import { rangeAt, rangeBeside, type Interval } from './postgres/partition/ranges.ts'

export interface Retention {
  readonly interval: Interval
  /** Past ranges that are kept; the current one always is. */
  readonly ranges: number
  /** Ms after the epoch; absent: now. */
  readonly nowMs?: () => number
}

/** @param timeOf RFC 3339, as the door lets it in */
export function withinRetention<Event>(
  door: Door<Event>,
  timeOf: (event: Event) => string,
  { interval, ranges, nowMs = Date.now }: Retention,
): Door<Event> {
  const firstKept = (): Date =>
    rangeBeside(interval, rangeAt(interval, new Date(nowMs())), -ranges).from
  return {
    ...door,
    read: (value) => {
      const read = door.read(value)
      if (!read.ok) return read
      const first = firstKept()
      return Date.parse(timeOf(read.event)) < first.getTime()
        ? refuse(`past retention: nothing before ${first.toISOString()} is kept`)
        : read
    },
  }
}

/** Of a promise: how long an accepted event stays. */
export function retentionWords(ranges: number, interval: Interval): string {
  const past = ranges === 1 ? `one past ${interval}` : `${String(ranges)} past ${interval}s`
  return `this ${interval} and ${past} are kept: what is older is rejected, and what comes to be is dropped`
}
