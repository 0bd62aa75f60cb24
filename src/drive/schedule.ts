/**
 * When each request is due. In: segments, spacing, batch size, or the recorded times of a file. Out: the due time of
 * request i, in O(1) or O(log n). It cannot see the target, so a slow target cannot slow it. Pure.
 */
import { HeadroomError } from '../kit/errors.ts'
import type { TimeOfIndex } from '../shapes/stream.ts'
import type { DriverJob, Segment } from './job.ts'
import { PoissonArrivals } from './poisson.ts'
import { RateCurve } from './rate-curve.ts'

export interface Schedule {
  /** Requests 0…requests−1 are due before the last segment ends. */
  readonly requests: number
  /** Milliseconds after the epoch, with sub-millisecond digits; never descending. */
  dueMs(request: number): number
  dueNs(request: number): number
  /** Requests due before this moment. */
  requestsBefore(ms: number): number
}

export interface ScheduleOptions {
  readonly segments: readonly Segment[]
  readonly spacing: 'even' | 'poisson'
  readonly seed: number
  readonly batchEvents: number
  /** A stream that ends ends its schedule; Infinity for a generated one. */
  readonly eventCount: number
}

/** 4 GB of outcomes: a day at 8,000 requests a second. */
const REQUESTS_MAX = 700_000_000

/** @throws HeadroomError BAD_INPUT when the schedule holds more requests than a run can keep outcomes of */
export function schedule(options: ScheduleOptions): Schedule {
  const curve = new RateCurve(options.segments, options.batchEvents)
  if (curve.total > REQUESTS_MAX) throw tooManyRequests(curve.total)
  const requestsMax = Math.ceil(options.eventCount / options.batchEvents)
  return options.spacing === 'even'
    ? new EvenSchedule(curve, requestsMax)
    : new PoissonSchedule(curve, { seed: options.seed, requestsMax })
}

export interface RecordedPaceOptions {
  /** When each event happened, ascending, any unit epoch in ms. */
  readonly timesMs: Float64Array
  /** 2 replays twice as fast. */
  readonly factor: number
  readonly batchEvents: number
  /** Cuts the replay here; Infinity replays all of it. */
  readonly toMs: number
}

/** A batch is due when its last event has happened: what a client that collects batches would do. */
export function recordedSchedule(options: RecordedPaceOptions): Schedule {
  return new RecordedSchedule(options)
}

/** The schedule a driver follows and everybody else can compute again. `timesMs`: only for a recorded pace. */
export function scheduleOf(
  job: Pick<DriverJob, 'segments' | 'recordedPace' | 'spacing' | 'seed' | 'batchEvents'>,
  stream: { readonly eventCount: number; readonly recordedTimesMs?: Float64Array },
): Schedule {
  const { recordedPace, batchEvents } = job
  if (recordedPace?.kind === 'recorded' && stream.recordedTimesMs !== undefined) {
    return recordedSchedule({
      timesMs: stream.recordedTimesMs,
      factor: recordedPace.factor,
      batchEvents,
      toMs: (job.segments.at(-1)?.toS ?? 0) * 1_000,
    })
  }
  return schedule({ ...job, eventCount: stream.eventCount })
}

/** Event time of a generated stream: the recorded epoch plus the due time of the request that carries it. */
export function eventTimes(
  due: Schedule,
  job: Pick<DriverJob, 'eventEpochMs' | 'batchEvents'>,
): TimeOfIndex {
  const { eventEpochMs, batchEvents } = job
  return (index) => eventEpochMs + due.dueMs(Math.floor(index / batchEvents))
}

class EvenSchedule implements Schedule {
  readonly requests: number
  readonly #curve: RateCurve

  constructor(curve: RateCurve, requestsMax: number) {
    this.#curve = curve
    this.requests = Math.min(requestsMax, wholeBelow(curve.total))
  }

  dueMs(request: number): number {
    return this.#curve.secondsAt(request) * 1_000
  }

  dueNs(request: number): number {
    return Math.round(this.dueMs(request) * 1e6)
  }

  requestsBefore(ms: number): number {
    return settle(this, Math.ceil(this.#curve.countAt(ms / 1_000)), ms)
  }
}

class PoissonSchedule implements Schedule {
  readonly requests: number
  readonly #curve: RateCurve
  readonly #arrivals: PoissonArrivals

  constructor(
    curve: RateCurve,
    { seed, requestsMax }: { readonly seed: number; readonly requestsMax: number },
  ) {
    this.#curve = curve
    // Time rescaling: unit-rate arrivals sent through the inverse of the expected count follow any rate.
    this.#arrivals = new PoissonArrivals(seed, curve.total)
    this.requests = Math.min(requestsMax, this.#arrivals.count)
  }

  dueMs(request: number): number {
    if (request >= this.requests) return this.#curve.secondsAt(this.#curve.total) * 1_000
    return this.#curve.secondsAt(this.#arrivals.positionOf(request)) * 1_000
  }

  dueNs(request: number): number {
    return Math.round(this.dueMs(request) * 1e6)
  }

  requestsBefore(ms: number): number {
    return firstDueAt(this, ms)
  }
}

class RecordedSchedule implements Schedule {
  readonly requests: number
  readonly #timesMs: Float64Array
  readonly #factor: number
  readonly #batchEvents: number

  constructor({ timesMs, factor, batchEvents, toMs }: RecordedPaceOptions) {
    this.#timesMs = timesMs
    this.#factor = factor
    this.#batchEvents = batchEvents
    const whole: Schedule = {
      requests: Math.ceil(timesMs.length / batchEvents),
      dueMs: (request) => this.dueMs(request),
      dueNs: (request) => this.dueNs(request),
      requestsBefore: (ms) => firstDueAt(whole, ms),
    }
    this.requests = firstDueAt(whole, toMs)
  }

  dueMs(request: number): number {
    const last = Math.min((request + 1) * this.#batchEvents, this.#timesMs.length) - 1
    return ((this.#timesMs[last] ?? 0) - (this.#timesMs[0] ?? 0)) / this.#factor
  }

  dueNs(request: number): number {
    return Math.round(this.dueMs(request) * 1e6)
  }

  requestsBefore(ms: number): number {
    return firstDueAt(this, ms)
  }
}

/** Whole numbers below `total`, where 5999.999999999 means 6000 that was added up from fractions. */
function wholeBelow(total: number): number {
  return Math.ceil(total - 1e-9 * Math.max(1, total))
}

function firstDueAt(due: Schedule, ms: number): number {
  let low = 0
  let high = due.requests
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (due.dueMs(middle) < ms) low = middle + 1
    else high = middle
  }
  return low
}

/** Rounding may put the guess one off. */
function settle(due: Schedule, guess: number, ms: number): number {
  let request = Math.max(0, Math.min(due.requests, guess))
  while (request > 0 && due.dueMs(request - 1) >= ms) request--
  while (request < due.requests && due.dueMs(request) < ms) request++
  return request
}

function tooManyRequests(requests: number): HeadroomError {
  const said = Math.round(requests).toLocaleString('en')
  return new HeadroomError('BAD_INPUT', `the schedule holds ${said} requests`, {
    hint: `a run keeps the outcome of at most ${REQUESTS_MAX.toLocaleString('en')}: raise batchEvents or shorten it`,
  })
}
