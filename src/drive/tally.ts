/** What happened to the events of one stretch of the schedule. In: one outcome per request. Out: counts and histograms. */
import { assert } from '../kit/errors.ts'
import { Histogram } from '../kit/histogram.ts'
import type { Ack } from './ack.ts'
import type { OutcomeCounts, Segment, SegmentResult } from './job.ts'
import { NotAcceptedTally } from './not-accepted.ts'

export type MutableCounts = { -readonly [Kind in keyof OutcomeCounts]: number }

export function noCounts(): MutableCounts {
  return { accepted: 0, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 }
}

/** Adds the events of one request to counts by kind. */
export function countAck(counts: MutableCounts, ack: Ack, events: number): void {
  if (ack.kind === 'whole') {
    counts[ack.outcome] += events
    return
  }
  counts.duplicate += ack.duplicates.length
  counts.rejected += ack.rejected.length
  counts.accepted += events - ack.duplicates.length - ack.rejected.length
}

export interface AnsweredRequest {
  readonly ack: Ack
  /** HTTP status. */
  readonly status: number
  readonly events: number
  readonly latencyUs: number
  readonly serviceUs: number
}

export interface LostRequest {
  readonly outcome: 'unknown' | 'dropped' | 'rejected'
  readonly events: number
  /** Why: a system error's code, or one of our own. */
  readonly code: string
}

/** Duplicates are accepted: the service holds them. */
function isWholeAccepted(ack: Ack): boolean {
  return ack.kind === 'mixed'
    ? ack.rejected.length === 0
    : ack.outcome === 'accepted' || ack.outcome === 'duplicate'
}

/** Histograms count events, not requests: every event of a batch was due, sent and answered with it. */
export class SegmentTally {
  readonly counts = noCounts()
  dueEvents = 0
  requests = 0
  waitedRequests = 0
  readonly #segment: Segment
  readonly #latencyAll = new Histogram()
  readonly #latencyAccepted = new Histogram()
  readonly #sendDelay = new Histogram()
  readonly #serviceTime = new Histogram()
  readonly #notAccepted = new NotAcceptedTally()

  constructor(segment: Segment) {
    this.#segment = segment
  }

  sent(sendDelayUs: number, events: number): void {
    this.#sendDelay.record(sendDelayUs, events)
  }

  answered({ ack, status, events, latencyUs, serviceUs }: AnsweredRequest): void {
    countAck(this.counts, ack, events)
    this.#notAccepted.answered(status, isWholeAccepted(ack))
    this.#serviceTime.record(serviceUs, events)
    if (ack.kind === 'mixed') {
      this.#latencyAll.record(latencyUs, events)
      this.#latencyAccepted.record(latencyUs, events - ack.rejected.length)
      return
    }
    switch (ack.outcome) {
      case 'accepted':
      case 'duplicate':
        this.#latencyAll.record(latencyUs, events)
        this.#latencyAccepted.record(latencyUs, events)
        break
      case 'rejected':
        this.#latencyAll.record(latencyUs, events)
        break
      case 'shed':
      case 'unknown':
      case 'dropped':
        this.#latencyAll.recordInfinite(events)
    }
  }

  /** No answer will come. */
  lost({ outcome, events, code }: LostRequest): void {
    this.counts[outcome] += events
    this.#notAccepted.lost(code)
    this.#latencyAll.recordInfinite(events)
  }

  /** @param isNamed whether somebody has said what an answer of a status means */
  result(stoppedAtMs: number | null, isNamed: (status: number) => boolean): SegmentResult {
    const { name, kind, fromS, toS } = this.#segment
    const told = Object.values(this.counts).reduce((sum, count) => sum + count, 0)
    assert(told === this.dueEvents, `every due event of ${name} has an outcome`)
    const { count, infinite } = this.#latencyAll
    assert(count + infinite === this.dueEvents, `every due event of ${name} has a latency`)
    return {
      name,
      kind,
      fromMs: fromS * 1_000,
      toMs: Math.min(toS * 1_000, stoppedAtMs ?? Infinity),
      dueEvents: this.dueEvents,
      counts: { ...this.counts },
      latencyAll: this.#latencyAll.encode(),
      latencyAccepted: this.#latencyAccepted.encode(),
      sendDelay: this.#sendDelay.encode(),
      serviceTime: this.#serviceTime.encode(),
      waitedRequests: this.waitedRequests,
      requests: this.requests,
      notAccepted: this.#notAccepted.result(isNamed),
    }
  }
}
