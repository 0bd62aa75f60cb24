/**
 * The open loop: every request is sent when it is due, or as soon after as a connection is free, whatever the target
 * does. In: due requests and what the client reports. Out: one outcome for each, tallied and logged. No clock of its own.
 */
import { assert } from '../kit/errors.ts'
import type { Ack, Answered, AnswerReader } from './ack.ts'
import type { Client, ClientEvents, Lost } from './client.ts'
import type { DueTimes } from './due-times.ts'
import type { Segment, SegmentResult } from './job.ts'
import type { OutcomeLog } from './outcome-log.ts'
import type { Exchange, RequestSource } from './request-writer.ts'
import type { Schedule } from './schedule.ts'
import { SegmentTally } from './tally.ts'
import { WaitingRequests } from './waiting.ts'
import type { WindowTally } from './windows.ts'

export interface OpenLoopOptions {
  readonly schedule: Schedule
  readonly segments: readonly Segment[]
  readonly dueTimes: DueTimes
  readonly writer: RequestSource
  readonly answers: AnswerReader
  readonly log: OutcomeLog
  readonly windows: WindowTally
  readonly inFlightRequestsMax: number
  /** Milliseconds of `performance.now()`. */
  readonly nowMs: () => number
  readonly makeClient: (events: ClientEvents) => Client
  /** Every event of this request was accepted. */
  readonly onAccepted?: (request: number) => void
}

/** Requests sent before the loop looks at its sockets again. */
const BURST_REQUESTS_MAX = 256
const LOST = {
  unknown: { kind: 'whole', outcome: 'unknown' },
  dropped: { kind: 'whole', outcome: 'dropped' },
  rejected: { kind: 'whole', outcome: 'rejected' },
} as const satisfies Record<string, Ack>

/** No connection was free in time, or too many requests were under way. */
const NOT_SENT = 'NOT_SENT'

interface Ended {
  readonly request: number
  readonly segment: number
  readonly outcome: keyof typeof LOST
  readonly code: string
}

export class OpenLoop implements ClientEvents {
  readonly client: Client
  /** Requests that became due; the schedule's whole number unless it was stopped. */
  requests: number
  readonly #options: OpenLoopOptions
  readonly #tallies = new Map<number, SegmentTally>()
  /** Index of the first request behind segment k. */
  readonly #segmentEnds: readonly number[]
  readonly #waiting: WaitingRequests
  #originMs = 0
  #segment = 0
  #inFlight = 0
  #onEmpty: (() => void) | null = null

  constructor(options: OpenLoopOptions) {
    const { schedule, segments } = options
    this.#options = options
    this.requests = schedule.requests
    this.#segmentEnds = segments.map(({ toS }, k) =>
      k === segments.length - 1 ? schedule.requests : schedule.requestsBefore(toS * 1_000),
    )
    this.#waiting = new WaitingRequests(options.inFlightRequestsMax)
    this.client = options.makeClient(this)
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Every request has become due. */
  get allDue(): boolean {
    return this.#options.dueTimes.next >= this.requests
  }

  start(originMs: number): void {
    this.#originMs = originMs
    this.#options.dueTimes.start(originMs)
  }

  /** Sends what is due; a long backlog in parts, so that answers are read between them. */
  pump(): void {
    const { dueTimes, nowMs } = this.#options
    const now = nowMs()
    for (let sent = 0; sent < BURST_REQUESTS_MAX; sent++) {
      const dueMs = dueTimes.nextMs
      if (dueMs > now || this.allDue) break
      const request = dueTimes.next
      dueTimes.advance()
      this.#due(request, dueMs)
    }
    this.#tellIfEmpty()
  }

  /** No request becomes due after this moment. */
  stop(): void {
    const { dueTimes, nowMs } = this.#options
    const now = nowMs()
    while (dueTimes.nextMs <= now && !this.allDue) this.pump()
    this.requests = dueTimes.next
    this.#tellIfEmpty()
  }

  /** Resolves when everything due has an outcome. */
  async empty(): Promise<void> {
    if (this.allDue && this.#inFlight === 0) return
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
  }

  /** The patience is over: what waits was never sent, what was sent stays unknown. */
  giveUp(): void {
    this.#dropWaiting()
    this.client.close()
    assert(this.#inFlight === 0, 'a closed client holds no request')
  }

  results(stoppedAtMs: number | null): readonly SegmentResult[] {
    const isNamed = (status: number): boolean => this.#options.answers.names(status)
    return this.#options.segments.flatMap((segment, k) => {
      if (stoppedAtMs !== null && segment.fromS * 1_000 >= stoppedAtMs) return []
      return [this.#tallyOf(k).result(stoppedAtMs, isNamed)]
    })
  }

  sending(exchange: Exchange): void {
    exchange.sentMs = this.#options.nowMs()
    const delayUs = (exchange.sentMs - exchange.dueMs) * 1_000
    this.#tallyOf(exchange.segment).sent(delayUs, exchange.events)
    this.#options.windows.sent(delayUs, exchange.events)
  }

  answered(exchange: Exchange, answer: Answered): void {
    const now = this.#options.nowMs()
    const { request, events, dueMs, sentMs } = exchange
    const ack = this.#options.answers.read(answer, events)
    const latencyUs = (now - dueMs) * 1_000
    const serviceUs = (now - sentMs) * 1_000
    const { status } = answer
    this.#tallyOf(exchange.segment).answered({ ack, status, events, latencyUs, serviceUs })
    this.#options.windows.answered(ack, events, latencyUs)
    this.#options.log.set(request, ack, now - this.#originMs)
    this.#inFlight--
    if (ack.kind === 'whole' && ack.outcome === 'accepted') this.#options.onAccepted?.(request)
  }

  lost({ request, segment }: Exchange, { sent, refused = false, code }: Lost): void {
    this.#inFlight--
    const outcome = refused ? 'rejected' : sent ? 'unknown' : 'dropped'
    this.#end({ request, segment, outcome, code })
  }

  changed(): void {
    while (this.#waiting.count > 0) {
      const place = this.client.place()
      if (place === null) break
      const request = this.#waiting.shift()
      this.#send(place, request, this.#originMs + this.#options.schedule.dueMs(request))
    }
    if (this.#waiting.count > 0 && this.client.refused) this.#dropWaiting()
    this.#tellIfEmpty()
  }

  #due(request: number, dueMs: number): void {
    const events = this.#options.writer.eventsIn(request)
    while (request >= (this.#segmentEnds[this.#segment] ?? Infinity)) this.#segment++
    const tally = this.#tallyOf(this.#segment)
    tally.requests++
    tally.dueEvents += events
    this.#options.windows.due(events)
    const { refused } = this.client
    if (this.#inFlight >= this.#options.inFlightRequestsMax || refused) {
      const code = refused ? this.client.refusedCode : NOT_SENT
      this.#end({ request, segment: this.#segment, outcome: 'dropped', code })
      return
    }
    this.#inFlight++
    const place = this.#waiting.count === 0 ? this.client.place() : null
    if (place !== null) {
      this.#send(place, request, dueMs)
      return
    }
    tally.waitedRequests++
    this.#waiting.push(request)
  }

  #send(place: Exchange, request: number, dueMs: number): void {
    place.request = request
    place.events = this.#options.writer.eventsIn(request)
    place.segment = this.#segmentOf(request)
    place.dueMs = dueMs
    this.#options.writer.write(place)
    this.client.send(place)
  }

  #end({ request, segment, outcome, code }: Ended): void {
    const events = this.#options.writer.eventsIn(request)
    this.#tallyOf(segment).lost({ outcome, events, code })
    this.#options.windows.lost(outcome, events)
    this.#options.log.set(request, LOST[outcome], null)
  }

  #dropWaiting(): void {
    const code = this.client.refused ? this.client.refusedCode : NOT_SENT
    for (let request = this.#waiting.shift(); request >= 0; request = this.#waiting.shift()) {
      this.#inFlight--
      this.#end({ request, segment: this.#segmentOf(request), outcome: 'dropped', code })
    }
  }

  /** Requests wait for seconds at most: the segment is the current one or one just before it. */
  #segmentOf(request: number): number {
    let segment = this.#segment
    while (segment > 0 && request < (this.#segmentEnds[segment - 1] ?? 0)) segment--
    return segment
  }

  #tallyOf(segment: number): SegmentTally {
    const known = this.#tallies.get(segment)
    if (known !== undefined) return known
    const described = this.#options.segments[segment]
    assert(described !== undefined, 'a request belongs to a segment')
    const tally = new SegmentTally(described)
    this.#tallies.set(segment, tally)
    return tally
  }

  #tellIfEmpty(): void {
    if (this.#onEmpty === null || !this.allDue || this.#inFlight > 0) return
    this.#onEmpty()
    this.#onEmpty = null
  }
}
