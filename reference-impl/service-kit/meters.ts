/** What a service counts about itself. In: happenings. Out: the Prometheus page of GET /metrics. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { GroupCommitMeter } from './group-commit.ts'
import { routedLines } from './freshness/routed-lines.ts'
import type { RouterMeter } from './freshness/router.ts'
import { counter, gauge } from './metrics-text.ts'
import { RollingTimes } from './rolling-times.ts'
import type { Answer } from './written.ts'

/** monitorEventLoopDelay measures the gap between its own ticks, so an idle loop shows this much. */
const LOOP_TICK_MS = 10
const NS_PER_MS = 1_000_000
const MS_PER_S = 1_000

export interface SecondaryMeter {
  readonly queueEvents: number
  readonly storedEvents: number
  readonly failedEvents: number
}

export interface PageGauges {
  readonly queueEvents: number
  readonly queueBytes: number
  /** A second store written after the ack; null where there is none. */
  readonly secondary: SecondaryMeter | null
  /** Reads by what answered; absent where there is one copy and nothing before it. */
  readonly routed?: RouterMeter | null
  /** What only this architecture has, as lines of the page. */
  readonly more: readonly string[]
}

export class Meters implements GroupCommitMeter, Disposable {
  #acceptedEvents = 0
  #duplicateEvents = 0
  #rejectedEvents = 0
  #shedEvents = 0
  #unknownEvents = 0
  #shedRequests = 0
  #batches = 0
  #batchRows = 0
  readonly #waits = new RollingTimes()
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_TICK_MS })
  readonly #loopTimer: NodeJS.Timeout
  #loopDelayMs = 0

  constructor() {
    this.#loop.enable()
    this.#loopTimer = setInterval(() => {
      this.#loopDelayMs = Math.max(0, this.#loop.percentile(99) / NS_PER_MS - LOOP_TICK_MS)
      this.#loop.reset()
    }, MS_PER_S).unref()
  }

  waited(ms: number): void {
    this.#waits.record(ms)
  }

  batch(rows: number): void {
    this.#batches++
    this.#batchRows += rows
  }

  /** @param events how many the request held */
  answered(answer: Answer, events: number): void {
    switch (answer.state) {
      case 'stored':
        this.#duplicateEvents += answer.duplicates.length
        this.#rejectedEvents += answer.rejected.length
        this.#acceptedEvents += events - answer.duplicates.length - answer.rejected.length
        return
      case 'refused':
        this.shed(events)
        return
      case 'unknown':
        this.#unknownEvents += events
    }
  }

  rejected(events: number): void {
    this.#rejectedEvents += events
  }

  /** @param events 0 where the request was turned away before it was parsed */
  shed(events: number): void {
    this.#shedRequests++
    this.#shedEvents += events
  }

  page(seen: PageGauges): string {
    const { secondary, routed } = seen
    const lines = [
      ...counter('headroom_events_total', 'Events by outcome.', [
        ['{outcome="accepted"}', this.#acceptedEvents],
        ['{outcome="duplicate"}', this.#duplicateEvents],
        ['{outcome="rejected"}', this.#rejectedEvents],
        ['{outcome="shed"}', this.#shedEvents],
        ['{outcome="unknown"}', this.#unknownEvents],
      ]),
      ...counter('headroom_shed_requests_total', 'Requests turned away, some before parsing.', [
        ['', this.#shedRequests],
      ]),
      ...counter('headroom_batches_total', 'Batches sent to the store.', [['', this.#batches]]),
      ...counter('headroom_batch_rows_total', 'Rows in those batches.', [['', this.#batchRows]]),
      ...gauge('headroom_queue_events', 'Events admitted and not answered.', seen.queueEvents),
      ...gauge('headroom_queue_bytes', 'Their request bytes.', seen.queueBytes),
      ...gauge(
        'headroom_pool_wait_seconds{quantile="0.99"}',
        'Wait for a database connection, over the last whole second.',
        this.#waits.p99Ms() / MS_PER_S,
      ),
      ...gauge(
        'headroom_pool_wait_max_seconds',
        'Longest wait for a database connection, over the last two whole seconds.',
        this.#waits.maxMs() / MS_PER_S,
      ),
      ...gauge(
        'headroom_event_loop_delay_seconds{quantile="0.99"}',
        'Delay of the event loop, over the last whole second.',
        this.#loopDelayMs / MS_PER_S,
      ),
    ]
    if (secondary !== null) lines.push(...secondaryLines(secondary))
    if (routed != null) lines.push(...routedLines(routed))
    lines.push(...seen.more)
    return `${lines.join('\n')}\n`
  }

  [Symbol.dispose](): void {
    clearInterval(this.#loopTimer)
    this.#loop.disable()
  }
}

function secondaryLines(secondary: SecondaryMeter): readonly string[] {
  return [
    ...counter('headroom_secondary_events_total', 'Events of the second store by outcome.', [
      ['{outcome="stored"}', secondary.storedEvents],
      ['{outcome="failed"}', secondary.failedEvents],
    ]),
    ...gauge(
      'headroom_secondary_queue_events',
      'Events acknowledged and not yet in the second store.',
      secondary.queueEvents,
    ),
  ]
}
