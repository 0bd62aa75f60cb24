/**
 * Whether events were slow because analytical queries ran. In: when each query was under way, and when slow and late
 * events were due. Out: shares and counts per step, and what they prove together. Pure.
 *
 * Two figures have to agree. In the step that broke, the late events must have fallen due while an answer was awaited,
 * far more than events did at all. And all through the run, events must have been slower during the queries than in
 * the pause before them, more often than a coin would say; that alone tells a cause from a coincidence.
 */
import type { QueryResult } from '../drive/job.ts'
import { ENTITY_QUERY } from '../shapes/entity-write.ts'
import { formatCount, formatRatio } from '../kit/units.ts'
import { metricKey } from './metrics.ts'

/** Counts per stretch of `binMs`, the first one from `fromMs` after the epoch. */
export interface LatenessBins {
  readonly fromMs: number
  readonly binMs: number
  /** Beyond this an event is late. */
  readonly limitMs: number
  readonly dueEvents: ArrayLike<number>
  /** Slower than nine in ten of their own step. */
  readonly slowEvents: ArrayLike<number>
  readonly lateEvents: ArrayLike<number>
}

export type Awaited = Pick<QueryResult, 'name' | 'atMs' | 'seconds'>

interface Stretch {
  readonly fromMs: number
  readonly toMs: number
}

/** Fewer events say nothing about a stretch of time. */
const EVENTS_MIN = 20

/** Metrics of each segment, in the order of `segments`: shares of late and of all events, and the bursts in it. */
export function queryOverlap(
  segments: readonly LatenessBins[],
  asked: readonly Awaited[],
): readonly Readonly<Record<string, number>>[] {
  // One row by its key, many times a second: as much of the load as the events are.
  const queries = asked.filter(({ name }) => name !== ENTITY_QUERY)
  const names = [...new Set(queries.map(({ name }) => name))].sort()
  const bursts = burstsOf(queries)
  return segments.map((bins) => {
    const figures: Record<string, number> = {}
    if (queries.length === 0 || sum(bins.dueEvents) === 0) return figures
    shares(figures, null, { bins, awaited: bursts })
    for (const name of names) {
      const own = queries.filter((query) => query.name === name).map(stretchOf)
      shares(figures, name, { bins, awaited: own })
    }
    countBursts(figures, bins, { segments, bursts })
    return figures
  })
}

export interface Coincidence {
  /** Of the late events of the step: those that an awaited answer may have made late. */
  readonly lateRatio: number
  /** The same of all its events. */
  readonly dueRatio: number
  readonly bursts: number
  readonly slowerBursts: number
  /** How often a coin would do as well. */
  readonly chanceRatio: number
  /** Queries that alone cover at least half of what all of them cover. */
  readonly names: readonly string[]
  readonly proven: boolean
}

/** Most of the late events, at three times the odds of any event. */
const LATE_MIN_RATIO = 0.5
const ODDS_MIN = 3
/** The usual one in twenty; five bursts, all slower, are 3 %. */
const CHANCE_MAX_RATIO = 0.05

interface WithMetrics {
  readonly metrics: Readonly<Record<string, number>>
}

/** What the figures of a run say about one of its steps; null where no query met a late event of it. */
export function coincidenceOf(
  step: WithMetrics,
  measured: readonly WithMetrics[],
): Coincidence | null {
  const { metrics } = step
  const lateRatio = metrics['query.lateRatio']
  const dueRatio = metrics['query.dueRatio']
  if (lateRatio === undefined || dueRatio === undefined) return null
  const total = (key: string): number =>
    measured.reduce((before, one) => before + (one.metrics[key] ?? 0), 0)
  const bursts = total('query.bursts')
  const slowerBursts = total('query.slowerBursts')
  const chanceRatio = coinRatio(slowerBursts, bursts)
  const names = Object.entries(metrics).flatMap(([key, value]) => {
    const name = /^query\.lateRatio\{(.+)\}$/.exec(key)?.[1]
    return name !== undefined && lateRatio > 0 && value >= lateRatio / 2 ? [name] : []
  })
  const proven =
    lateRatio >= LATE_MIN_RATIO &&
    lateRatio * (1 - dueRatio) >= ODDS_MIN * (1 - lateRatio) * dueRatio &&
    dueRatio < 1 &&
    chanceRatio <= CHANCE_MAX_RATIO
  return { lateRatio, dueRatio, bursts, slowerBursts, chanceRatio, names, proven }
}

/** Both figures and their chance, whether they prove anything or not. */
export function coincidenceInWords(found: Coincidence): string {
  const { lateRatio, dueRatio, bursts, slowerBursts, chanceRatio, names } = found
  const who = names.length === 0 ? 'queries' : names.join(', ')
  const shares = `${formatRatio(lateRatio)} of the late events fell due while ${who} ran, of all events ${formatRatio(dueRatio)}`
  if (bursts === 0) return `${shares}; no pause between the queries to compare with`
  const times = `${formatCount(slowerBursts)} of ${formatCount(bursts)} times slower during queries than in the pause before`
  return `${shares}; events were ${times} (by chance ${formatRatio(chanceRatio)})`
}

/** How often a fair coin shows `heads` or more in `throws`: the sign test, one-sided. */
export function coinRatio(heads: number, throws: number): number {
  let ways = 1
  let total = 0
  for (let count = 0; count <= throws; count++) {
    if (count >= heads) total += ways
    ways = (ways * (throws - count)) / (count + 1)
  }
  return total / 2 ** throws
}

function stretchOf({ atMs, seconds }: Awaited): Stretch {
  return { fromMs: atMs, toMs: atMs + seconds * 1_000 }
}

/** Times in which at least one answer was awaited, ascending. */
function burstsOf(queries: readonly Awaited[]): readonly Stretch[] {
  const bursts: Stretch[] = []
  for (const one of queries.map(stretchOf).sort((a, b) => a.fromMs - b.fromMs)) {
    const last = bursts.at(-1)
    if (last === undefined || one.fromMs > last.toMs) bursts.push(one)
    else bursts[bursts.length - 1] = { ...last, toMs: Math.max(last.toMs, one.toMs) }
  }
  return bursts
}

/**
 * An event is late when it is not answered within the limit, so whatever ran between its due time and the limit may
 * have made it late; what ran afterwards did not.
 */
function shares(
  figures: Record<string, number>,
  label: string | null,
  { bins, awaited }: { readonly bins: LatenessBins; readonly awaited: readonly Stretch[] },
): void {
  const within = { due: 0, late: 0 }
  const limitMs = Number.isFinite(bins.limitMs) ? bins.limitMs : 0
  for (let bin = 0; bin < bins.dueEvents.length; bin++) {
    const fromMs = bins.fromMs + bin * bins.binMs
    const toMs = fromMs + bins.binMs + limitMs
    if (!awaited.some((one) => one.fromMs < toMs && one.toMs > fromMs)) continue
    within.due += bins.dueEvents[bin] ?? 0
    within.late += bins.lateEvents[bin] ?? 0
  }
  figures[metricKey('query.dueRatio', label)] = within.due / sum(bins.dueEvents)
  const late = sum(bins.lateEvents)
  if (late >= EVENTS_MIN) figures[metricKey('query.lateRatio', label)] = within.late / late
}

/** A burst belongs to the segment it begins in; one without a pause before it, or events in either, is not counted. */
function countBursts(
  figures: Record<string, number>,
  own: LatenessBins,
  all: { readonly segments: readonly LatenessBins[]; readonly bursts: readonly Stretch[] },
): void {
  let counted = 0
  let slower = 0
  const [first] = all.segments
  for (const [at, burst] of all.bursts.entries()) {
    if (burst.fromMs < own.fromMs || burst.fromMs >= endOf(own) || first === undefined) continue
    const pause = { fromMs: all.bursts[at - 1]?.toMs ?? first.fromMs, toMs: burst.fromMs }
    const during = slowRatio(all.segments, burst)
    const before = slowRatio(all.segments, pause)
    if (during === null || before === null) continue
    counted++
    if (during > before) slower++
  }
  figures['query.bursts'] = counted
  figures['query.slowerBursts'] = slower
}

/** null with too few events. */
function slowRatio(segments: readonly LatenessBins[], { fromMs, toMs }: Stretch): number | null {
  let due = 0
  let slow = 0
  for (const bins of segments) {
    const from = Math.max(0, Math.round((fromMs - bins.fromMs) / bins.binMs))
    const to = Math.min(bins.dueEvents.length, Math.round((toMs - bins.fromMs) / bins.binMs))
    for (let bin = from; bin < to; bin++) {
      due += bins.dueEvents[bin] ?? 0
      slow += bins.slowEvents[bin] ?? 0
    }
  }
  return due < EVENTS_MIN ? null : slow / due
}

function endOf({ fromMs, binMs, dueEvents }: LatenessBins): number {
  return fromMs + binMs * dueEvents.length
}

function sum(counts: ArrayLike<number>): number {
  return Array.from(counts).reduce((total, one) => total + one, 0)
}
