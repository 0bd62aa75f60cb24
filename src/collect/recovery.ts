/**
 * How a target came back from each fault. In: the faults as they were put, the schedule, what died with what was killed or
 * restored, the lines of the series in order.
 * Out: when it was noticed, when backlogs were gone, when every second was calm again, and what else moved.
 */
import type { SegmentResult } from '../drive/job.ts'
import type { FaultSeen, SymptomSeen } from '../results/fault-record.ts'
import type { SeriesLine } from '../results/record.ts'
import { findMetric, parseMetricKey } from './metrics.ts'
import { MovedFold } from './recovery-moved.ts'
import { SymptomFold } from './recovery-symptom.ts'

/** A fault as it was put. */
export type FaultSpan = Pick<
  FaultSeen,
  'name' | 'kind' | 'on' | 'fromMs' | 'toMs' | 'failed' | 'notResumed' | 'restored'
> & { readonly symptom?: string }

/** A second is calm when its p99 is within this factor of a usual one, and a bit: a few ms more are no fault. */
const P99_FACTOR = 3
const P99_MARGIN_US = 20_000
/** Share of the settled events of a second that may fail in a calm one, beside this many times what usually does. */
const NOT_ACCEPTED_CALM_RATIO = 0.001
const NOT_ACCEPTED_FACTOR = 3
/** Accepted against due: a second in which nothing is answered has no failed events yet. */
const ACCEPTED_CALM_RATIO = 0.7
/** Backlogs within this factor of the usual largest, or of this many events, are no sign of a fault. */
const BACKLOG_FACTOR = 2
const BACKLOG_MARGIN_EVENTS = 20
const BACKLOG = 'backlog.events'
/** What the machine, the driver and the harness do is no symptom of the target. */
const NOT_OF_THE_TARGET =
  /^(machine|driver|probe|cpu|memory|rate|latency|sendDelay|outcome|connection|inFlight|freshness|backlog|disk|query|store)\.|^table\.insertsSinceVacuum/

interface Second {
  readonly t: number
  readonly dueEvents: number
  readonly acceptedEvents: number
  readonly notAcceptedRatio: number
  readonly p99Us: number | null
}

interface Count {
  readonly t: number
  readonly events: number
}

/** Acknowledged events of a store that are gone for good, and excused by what happened to it. */
export interface Taken {
  readonly store: string
  readonly events: number
  /** The parts that were killed; null: a restore. */
  readonly by: readonly (string | null)[]
}

/** Memory grows with the seconds of the run, not with the keys of the series. */
export class RecoveryFold {
  readonly #faults: readonly FaultSpan[]
  /** Until when each is watched. */
  readonly #endsMs: readonly number[]
  readonly #fromMs: number
  readonly #toMs: number
  readonly #taken: ReadonlyMap<string, Count>
  readonly #seconds: Second[] = []
  readonly #backlogs: Count[] = []
  /** Windows last a second, so a rate is a count; those of the drain hold what timed out there. */
  readonly #failures: Count[] = []
  readonly #latestBacklog = new Map<string, number>()
  readonly #moved: MovedFold
  /** As the faults; null of one that names none. */
  readonly #symptoms: readonly (SymptomFold | null)[]

  constructor(
    faults: readonly FaultSpan[],
    segments: readonly SegmentResult[],
    taken: readonly Taken[] = [],
  ) {
    this.#faults = faults
    this.#endsMs = faults.map((fault) => watchedUntilMs(fault, faults))
    this.#moved = new MovedFold(
      faults.map(({ fromMs }, at) => ({ fromMs, endMs: this.#endsMs[at] ?? Infinity })),
    )
    this.#symptoms = faults.map(({ symptom: metric, fromMs, toMs }, at) => {
      if (metric === undefined) return null
      const calmUntilMs = faults[0]?.fromMs ?? fromMs
      const endMs = this.#endsMs[at] ?? Infinity
      return new SymptomFold({ metric, calmUntilMs, fromMs, toMs, endMs })
    })
    this.#taken = new Map(
      taken.map(({ store, events, by }) => {
        const ends = faults.filter((fault) => by.some((one) => took(one, fault)))
        return [store, { t: Math.min(...ends.map(({ toMs }) => toMs)), events }]
      }),
    )
    const measured = segments.filter(({ kind }) => kind === 'measure')
    this.#fromMs = Math.min(...measured.map(({ fromMs }) => fromMs))
    this.#toMs = Math.max(...measured.map(({ toMs }) => toMs))
  }

  add({ t, v }: SeriesLine): void {
    if (this.#faults.length === 0 || t < this.#fromMs) return
    const notAcceptedEvents = v['rate.notAcceptedEventsPerS']
    if (notAcceptedEvents !== undefined) this.#failures.push({ t, events: notAcceptedEvents })
    const dueEvents = v['rate.dueEventsPerS']
    // Later windows have no due events; what they settle is the last seconds' business.
    if (dueEvents !== undefined && t <= this.#toMs) {
      this.#seconds.push({
        t,
        dueEvents,
        acceptedEvents: v['rate.acceptedEventsPerS'] ?? 0,
        notAcceptedRatio: v['outcome.notAcceptedRatio'] ?? 0,
        p99Us: v['latency.p99Us'] ?? null,
      })
    }
    for (const key in v) this.#look(key, v[key] ?? 0, t)
    this.#tellBacklog(v, t)
  }

  finish(): readonly FaultSeen[] {
    const first = this.#faults[0]
    if (first === undefined) return []
    const calm = this.#calmBefore(first.fromMs)
    const usual = { p99Us: calm.p99Us, notAcceptedRatio: this.#usuallyNotAccepted(first.fromMs) }
    return this.#faults.map((fault, at) => this.#seen(fault, at, { calm, usual }))
  }

  /** Once, when every store of the line has told its own. */
  #tellBacklog(v: SeriesLine['v'], t: number): void {
    if (!Object.keys(v).some((key) => key.startsWith(BACKLOG))) return
    this.#backlogs.push({ t, events: Math.max(...this.#latestBacklog.values()) })
  }

  #look(key: string, value: number, t: number): void {
    for (const symptom of this.#symptoms) symptom?.look(key, value, t)
    if (key.startsWith(BACKLOG)) {
      this.#latestBacklog.set(key, Math.max(0, value - this.#takenBefore(key, t)))
      return
    }
    if (isSymptom(key)) this.#moved.look(key, value, t)
  }

  /** From the end of the first fault that took any: nobody waits for it any more. */
  #takenBefore(key: string, ms: number): number {
    const taken = this.#taken.get(parseMetricKey(key).label ?? '')
    return taken === undefined || ms < taken.t ? 0 : taken.events
  }

  #calmBefore(ms: number): FaultSeen['calm'] {
    // The second in which the fault began belongs to both.
    const p99s = this.#seconds.filter(({ t }) => t <= ms).flatMap(({ p99Us }) => p99Us ?? [])
    const backlogs = this.#backlogs.filter(({ t }) => t <= ms).map(({ events }) => events)
    return {
      p99Us: middleOf(p99s),
      backlogEventsMax: backlogs.length === 0 ? null : Math.max(...backlogs),
    }
  }

  /** A service that refuses some of what it is sent does so on calm days too. */
  #usuallyNotAccepted(ms: number): number {
    const before = this.#seconds.filter(({ t }) => t <= ms)
    return middleOf(before.map(({ notAcceptedRatio }) => notAcceptedRatio)) ?? 0
  }

  #seen(
    fault: FaultSpan,
    at: number,
    { calm, usual }: { readonly calm: FaultSeen['calm']; readonly usual: Usual },
  ): FaultSeen {
    const endMs = this.#endsMs[at] ?? Infinity
    const seconds = this.#seconds.filter(({ t }) => t > fault.fromMs && t <= endMs)
    const backlogs = this.#backlogs.filter(({ t }) => t > fault.fromMs && t <= endMs)
    const disturbed = seconds.filter((second) => !isCalm(second, usual))
    const lagging = backlogs.filter(({ events }) => events > backlogLimit(calm))
    const noticed = [disturbed[0]?.t, lagging[0]?.t].filter((t) => t !== undefined)
    const p99s = seconds.flatMap(({ p99Us }) => p99Us ?? [])
    const calmMs = backAfter(disturbed.at(-1)?.t, seconds.at(-1)?.t, fault.toMs)
    return {
      ...asPut(fault),
      noticedMs: noticed.length === 0 ? null : Math.round(Math.min(...noticed) - fault.fromMs),
      drainedMs: this.#drainedMs(lagging, backlogs, fault),
      notAcceptedEvents: Math.round(
        this.#failures
          .filter(({ t }) => t > fault.fromMs && t <= endMs)
          .reduce((sum, { events }) => sum + events, 0),
      ),
      worstP99Us: p99s.length === 0 ? null : Math.max(...p99s),
      backlogEventsMax:
        backlogs.length === 0 ? null : Math.max(...backlogs.map(({ events }) => events)),
      ...withSymptom(calmMs, this.#symptoms[at]?.finish()),
      calm,
      moved: this.#moved.of(at),
    }
  }

  #drainedMs(
    lagging: readonly Count[],
    backlogs: readonly Count[],
    { toMs }: FaultSpan,
  ): number | null {
    // A target without a freshness poll has no backlog that could be seen.
    if (this.#backlogs.length === 0) return 0
    return backAfter(lagging.at(-1)?.t, backlogs.at(-1)?.t, toMs)
  }
}

/** The next fault begins, or Infinity. One that begins while this one lasts is recovered from together with it. */
function watchedUntilMs(fault: FaultSpan, faults: readonly FaultSpan[]): number {
  const later = faults.filter((other) => other !== fault && other.fromMs >= fault.toMs)
  return Math.min(...later.map(({ fromMs }) => fromMs), Infinity)
}

function took(by: string | null, { kind, on }: FaultSpan): boolean {
  return kind === 'restore' || (kind === 'kill' && on === by)
}

function isSymptom(key: string): boolean {
  const metric = findMetric(parseMetricKey(key).id)
  return metric?.better === 'less' && metric.kind === 'gauge' && !NOT_OF_THE_TARGET.test(key)
}

/** Of the seconds before the first fault, the middle one. */
interface Usual {
  readonly p99Us: number | null
  readonly notAcceptedRatio: number
}

function middleOf(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null
}

function isCalm(second: Second, usual: Usual): boolean {
  const refusedRatio = usual.notAcceptedRatio * NOT_ACCEPTED_FACTOR + NOT_ACCEPTED_CALM_RATIO
  if (second.notAcceptedRatio > refusedRatio) return false
  if (second.acceptedEvents < second.dueEvents * ACCEPTED_CALM_RATIO) return false
  if (second.p99Us === null) return second.dueEvents === 0
  return second.p99Us <= (usual.p99Us ?? 0) * P99_FACTOR + P99_MARGIN_US
}

function backlogLimit({ backlogEventsMax }: FaultSeen['calm']): number {
  return (backlogEventsMax ?? 0) * BACKLOG_FACTOR + BACKLOG_MARGIN_EVENTS
}

/**
 * @param lastBadMs the last look that was not as before; absent: none was
 * @returns ms after the fault's end; null when the last look of all was still not as before
 */
function backAfter(
  lastBadMs: number | undefined,
  lastLookMs: number | undefined,
  endedMs: number,
): number | null {
  if (lastLookMs === undefined) return null
  if (lastBadMs === undefined) return 0
  return lastBadMs >= lastLookMs ? null : Math.max(0, Math.round(lastBadMs - endedMs))
}

function asPut({ name, kind, on, fromMs, toMs, failed, notResumed, restored }: FaultSpan) {
  return {
    ...{ name, kind, on, fromMs, toMs, failed },
    ...(notResumed === undefined ? {} : { notResumed }),
    ...(restored === undefined ? {} : { restored }),
  }
}

/** @param calmMs when every second was calm again */
function withSymptom(
  calmMs: number | null,
  symptom: SymptomSeen | undefined,
): Pick<FaultSeen, 'wholeMs' | 'symptom'> {
  if (symptom === undefined) return { wholeMs: calmMs }
  // What a target does not have holds nothing back: without a default partition no row waits in one.
  if (symptom.highest === null && symptom.before === null) return { wholeMs: calmMs, symptom }
  const { backMs } = symptom
  const wholeMs = calmMs === null || backMs === null ? null : Math.max(calmMs, backMs)
  return { wholeMs, symptom }
}
