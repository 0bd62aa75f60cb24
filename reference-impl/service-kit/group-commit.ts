/**
 * Group commit without a timer: whatever is queued goes out as one batch as soon as a lane (a connection) is free.
 * In: requests with their events. Out: one answer for each. A request is never split over two batches.
 */
import { Deadline } from './deadline.ts'
import type { IngestEvent } from './event.ts'
import type { Answer, BatchWriter } from './written.ts'
import { writeBatch } from './write-batch.ts'

export interface GroupCommitOptions<Event = IngestEvent> {
  /** What makes two events the same one. */
  readonly identityOf: (event: Event) => string
  /** Batches in flight at once. */
  readonly lanes: number
  /** A batch closes once it holds this many events; a larger request travels alone. */
  readonly rowsMax: number
  /** 1 writes every request by itself, as a service without group commit does. */
  readonly requestsMax: number
  /** How long a batch that is not full waits for company; 0 never waits. */
  readonly lingerMs: number
  /** How long a request may queue before it is refused, and a batch may take before its outcome counts as unknown. */
  readonly timeoutMs: number
  /** Concurrent batches that lock rows must take them in one order, or they deadlock. */
  readonly order: 'by-identity' | 'as-arrived'
}

export interface GroupCommitMeter {
  /** For a connection, from arriving on; waiting for company is not counted. Also told of who was refused for it. */
  waited(ms: number): void
  batch(rows: number): void
}

interface Submission<Event> {
  readonly events: readonly Event[]
  readonly answer: (answer: Answer) => void
  readonly queuedAtMs: number
}

const SWEEP_MS = 100
const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 5_000

export class GroupCommit<Event = IngestEvent> implements AsyncDisposable {
  readonly #writer: BatchWriter<Event>
  readonly #options: GroupCommitOptions<Event>
  readonly #meter: GroupCommitMeter
  #queue: Submission<Event>[] = []
  #head = 0
  #queuedEvents = 0
  #freeLanes: number
  #armed = false
  #lingering = false
  #backoffMs = 0
  #closing = false
  #idle: (() => void) | null = null
  readonly #inFlight = new Set<Deadline>()
  readonly #sweeper: NodeJS.Timeout

  constructor(
    writer: BatchWriter<Event>,
    options: GroupCommitOptions<Event>,
    meter: GroupCommitMeter,
  ) {
    this.#writer = writer
    this.#options = options
    this.#meter = meter
    this.#freeLanes = options.lanes
    this.#sweeper = setInterval(() => {
      this.#refuseOverdue()
      for (const deadline of this.#inFlight) deadline.check(performance.now())
    }, SWEEP_MS).unref()
  }

  /** Answers exactly once, never synchronously. The caller bounds what it submits. */
  submit(events: readonly Event[], answer: (answer: Answer) => void): void {
    this.#queue.push({ events, answer, queuedAtMs: performance.now() })
    this.#queuedEvents += events.length
    this.#arm()
  }

  get queuedEvents(): number {
    return this.#queuedEvents
  }

  /** When the oldest queued request came, by performance.now(); null with an empty queue. */
  get oldestQueuedAtMs(): number | null {
    return this.#queue[this.#head]?.queuedAtMs ?? null
  }

  /** Writes out what is queued, without lingering, then closes the writer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    this.#arm()
    if (!this.#isIdle()) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    clearInterval(this.#sweeper)
    await this.#writer[Symbol.asyncDispose]()
  }

  #arm(): void {
    if (this.#armed || this.#freeLanes === 0 || this.#head === this.#queue.length) return
    const lingerMs = this.#remainingLingerMs()
    if (lingerMs > 0) {
      this.#linger(lingerMs)
      return
    }
    // Alone in its batch, a request gains nothing from waiting for the other requests of this turn.
    if (this.#options.requestsMax === 1) {
      this.#flush()
      return
    }
    this.#armed = true
    setImmediate(() => {
      this.#armed = false
      this.#flush()
    })
  }

  #linger(lingerMs: number): void {
    if (this.#lingering) return
    this.#lingering = true
    setTimeout(() => {
      this.#lingering = false
      this.#flush()
    }, lingerMs)
  }

  #remainingLingerMs(): number {
    const { lingerMs, rowsMax } = this.#options
    const oldestMs = this.oldestQueuedAtMs
    if (lingerMs === 0 || this.#closing || oldestMs === null) return 0
    if (this.#queuedEvents >= rowsMax) return 0
    return Math.max(0, Math.ceil(oldestMs + lingerMs - performance.now()))
  }

  #flush(): void {
    while (this.#freeLanes > 0 && this.#head < this.#queue.length) {
      if (this.#remainingLingerMs() > 0) break
      this.#run(this.#take())
    }
    this.#arm()
  }

  #take(): readonly Submission<Event>[] {
    const taken: Submission<Event>[] = []
    let rows = 0
    for (;;) {
      const next = this.#queue[this.#head]
      if (next === undefined || taken.length === this.#options.requestsMax) break
      if (taken.length > 0 && rows + next.events.length > this.#options.rowsMax) break
      taken.push(next)
      rows += next.events.length
      this.#head++
    }
    this.#queuedEvents -= rows
    this.#compact()
    return taken
  }

  /** Shifting an array moves all of it; a moving head with a rare cut does not. */
  #compact(): void {
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    } else if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  #run(batch: readonly Submission<Event>[]): void {
    this.#freeLanes--
    const nowMs = performance.now()
    let rows = 0
    for (const submission of batch) {
      this.#waited(submission, nowMs)
      rows += submission.events.length
    }
    this.#meter.batch(rows)
    void this.#write(batch, new Deadline(nowMs + this.#options.timeoutMs))
  }

  #waited(submission: Submission<Event>, nowMs: number): void {
    this.#meter.waited(Math.max(0, nowMs - submission.queuedAtMs - this.#options.lingerMs))
  }

  async #write(batch: readonly Submission<Event>[], deadline: Deadline): Promise<void> {
    this.#inFlight.add(deadline)
    const outcome = await writeBatch(
      this.#writer,
      batch.map((submission) => submission.events),
      { deadline, order: this.#options.order, identityOf: this.#options.identityOf },
    )
    this.#inFlight.delete(deadline)
    for (const [index, submission] of batch.entries()) {
      submission.answer(outcome.answers[index] ?? outcome.fallback)
    }
    this.#leaveLane(outcome.backoff)
  }

  #leaveLane(backoff: boolean): void {
    this.#backoffMs = backoff
      ? Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2))
      : 0
    if (backoff && !this.#closing) {
      setTimeout(() => {
        this.#freeLane()
      }, this.#backoffMs)
    } else {
      this.#freeLane()
    }
  }

  #freeLane(): void {
    this.#freeLanes++
    this.#arm()
    if (this.#idle !== null && this.#isIdle()) this.#idle()
  }

  #isIdle(): boolean {
    return this.#freeLanes === this.#options.lanes && this.#head === this.#queue.length
  }

  #refuseOverdue(): void {
    const nowMs = performance.now()
    const dueMs = nowMs - this.#options.timeoutMs
    for (;;) {
      const oldest = this.#queue[this.#head]
      if (oldest === undefined || oldest.queuedAtMs > dueMs) break
      this.#head++
      this.#queuedEvents -= oldest.events.length
      this.#waited(oldest, nowMs)
      oldest.answer({ state: 'refused', because: 'it waited too long for a connection' })
    }
    this.#compact()
    if (this.#idle !== null && this.#isIdle()) this.#idle()
  }
}
