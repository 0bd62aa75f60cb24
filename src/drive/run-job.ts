/**
 * One job from its first due event to its last outcome, inside the driver process. In: a job, an epoch, perhaps a stop.
 * Out: windows and query results while it lasts, one result at its end. It knows an address, nothing else of the target.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Scope } from '../kit/scope.ts'
import { openStream } from '../shapes/open-stream.ts'
import { shapes } from '../shapes/registry.ts'
import type { EventStream, TimeOfIndex } from '../shapes/stream.ts'
import { AckReader } from './ack.ts'
import { AnswerRulesReader } from './answer-rules.ts'
import type { Client, ClientOptions } from './client.ts'
import { DueTimes } from './due-times.ts'
import type { DriverJob, DriverResult, FromDriver, QueryResult } from './job.ts'
import { OpenLoop } from './open-loop.ts'
import { OutcomeLog } from './outcome-log.ts'
import { OwnWrites } from './own-writes.ts'
import type { Pacer } from './pacer.ts'
import { choosePacing, makePacer } from './pacer.ts'
import { QueryAsker } from './queries.ts'
import { newestIndex, queryParams } from './query-params.ts'
import { RawClient } from './raw-client.ts'
import { lowerCased } from './request-path.ts'
import type { RequestSource, RequestWriterOptions } from './request-writer.ts'
import { RequestWriter } from './request-writer.ts'
import type { Schedule } from './schedule.ts'
import { eventTimes, scheduleOf } from './schedule.ts'
import { RowWriter } from './sql/row-writer.ts'
import { SqlClient } from './sql/sql-client.ts'
import { TemplateWriter } from './template-writer.ts'
import { UndiciClient } from './undici-client.ts'
import { WindowTally } from './windows.ts'

const SWEEP_MS = 10
const WINDOW_MS = 1_000
const QUERY_TIMEOUT_MIN_MS = 30_000
const DAY_MS = 86_400_000

export type Tell = (message: FromDriver) => void

export class JobRun {
  readonly #job: DriverJob
  readonly #tell: Tell
  readonly #stream: EventStream
  readonly #schedule: Schedule
  readonly #log: OutcomeLog
  readonly #windows: WindowTally
  readonly #loop: OpenLoop
  readonly #pacer: Pacer
  readonly #queries: QueryResult[] = []
  readonly #ownWrites: OwnWrites
  /** Aborted when no further event becomes due. */
  readonly #over = new AbortController()
  #originMs = Infinity
  #stoppedAtMs: number | null = null

  private constructor(made: {
    readonly job: DriverJob
    readonly tell: Tell
    readonly stream: EventStream
    readonly schedule: Schedule
    readonly log: OutcomeLog
  }) {
    const { job, stream, schedule } = made
    this.#job = job
    this.#tell = made.tell
    this.#stream = stream
    this.#schedule = schedule
    this.#log = made.log
    this.#windows = new WindowTally()
    this.#ownWrites = new OwnWrites(stream, job)
    const dueTimes = new DueTimes(schedule)
    const url = new URL(job.url)
    const headers = lowerCased(job.headers)
    const { segments, batchEvents, requestTimeoutMs } = job
    const connections = job.writes?.connections ?? job.connections
    const writer = requestsOf(job, { url, headers, stream, batchEvents })
    const answers = job.speech?.answers ?? null
    const nowMs = (): number => performance.now()
    this.#loop = new OpenLoop({
      schedule,
      segments,
      dueTimes,
      writer,
      answers: answers === null ? new AckReader() : new AnswerRulesReader(answers),
      log: made.log,
      windows: this.#windows,
      inFlightRequestsMax: job.inFlightRequestsMax,
      nowMs,
      makeClient: (events) => {
        const newExchange = writer.newExchange.bind(writer)
        const options = { url, connections, requestTimeoutMs, newExchange, events, nowMs }
        return makeClient(job, options)
      },
      onAccepted: (request) => {
        this.#ownWrites.accepted(request)
      },
    })
    this.#pacer = makePacer(choosePacing(job.pacing, segments, batchEvents), {
      dueTimes,
      pump: () => {
        this.#loop.pump()
      },
    })
  }

  /** Opens stream, files and connections: after this the first event can be sent at once. */
  static async prepare(job: DriverJob, tell: Tell): Promise<JobRun> {
    // A generated stream asks for times only when it writes; by then the schedule is there.
    let timeOfIndex: TimeOfIndex = () => job.eventEpochMs
    const stream = await openStream(job.stream, (index) => timeOfIndex(index))
    const due = scheduleOf(job, stream)
    timeOfIndex = eventTimes(due, job)
    const log = await OutcomeLog.open(job.outcomesFile, job.exceptionsFile)
    const run = new JobRun({ job, tell, stream, schedule: due, log })
    await run.#loop.client.open(run.#over.signal)
    return run
  }

  /** @param epochMs wall-clock moment of the schedule's zero */
  async run(epochMs: number): Promise<DriverResult> {
    await using scope = new Scope()
    this.#originMs = epochMs - performance.timeOrigin
    const cpuBefore = process.cpuUsage()
    const startedMs = performance.now()
    const lastS = this.#job.segments.at(-1)?.toS ?? 0
    this.#loop.start(this.#originMs)
    scope.defer(() => this.#pacer.stop())
    this.#pacer.start()
    const failed = this.#keepHouse(scope)
    const asker = this.#askQueries(scope)

    const ended = (async () => {
      await this.#until(lastS * 1_000)
      this.#loop.stop()
      await this.#pacer.stop()
      await this.#drain(asker)
    })()
    await Promise.race([ended, failed])
    this.#tell({ type: 'window', window: this.#windows.close(this.#nowMs(), this.#loop.inFlight) })
    this.#loop.client.close()
    await this.#log.close(this.#loop.requests)
    const driver = this.#figuresOf(process.cpuUsage(cpuBefore), performance.now() - startedMs)
    return {
      segments: this.#loop.results(this.#stoppedAtMs),
      queries: await this.#ownWrites.settled(this.#queries),
      requests: this.#loop.requests,
      stoppedAtMs: this.#stoppedAtMs,
      driver,
    }
  }

  #figuresOf(cpu: NodeJS.CpuUsage, wallMs: number): DriverResult['driver'] {
    return {
      cpuS: (cpu.user + cpu.system) / 1e6,
      wallS: wallMs / 1_000,
      maxRssBytes: process.resourceUsage().maxRSS * 1_024,
      pacing: this.#pacer.kind,
      eventLoopDelayP99Us: this.#windows.loopDelayP99Us,
      connectErrors: this.#loop.client.connectErrors,
      bytesSent: this.#loop.client.bytesSent,
    }
  }

  /** Ends the schedule now; what is under way may still be answered. Nothing to do once everything is due. */
  stop(): void {
    if (this.#over.signal.aborted) return
    if (this.#originMs !== Infinity) this.#stoppedAtMs = Math.max(0, this.#nowMs())
    else this.#stoppedAtMs = 0
    this.#loop.stop()
    this.#over.abort(new Error('stopped'))
  }

  #nowMs(): number {
    return performance.now() - this.#originMs
  }

  /** Waits for that moment of the schedule, or for the stop. */
  async #until(ms: number): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted && this.#nowMs() < ms) {
      const sleepMs = Math.min(DAY_MS, Math.max(1, ms - this.#nowMs()))
      await delay(sleepMs, undefined, { signal }).catch(() => undefined)
    }
    this.#over.abort(new Error('the schedule is over'))
  }

  async #drain(asker: QueryAsker): Promise<void> {
    const patienceMs = this.#job.drainS * 1_000
    const timer = new AbortController()
    const patience = delay(patienceMs, undefined, { signal: timer.signal }).catch(() => undefined)
    await Promise.race([Promise.all([this.#loop.empty(), asker.stop(patienceMs)]), patience])
    timer.abort()
    this.#loop.giveUp()
  }

  /** Timeouts, windows and the disk, beside the pacing. Rejects when something is wrong with one of them. */
  #keepHouse(scope: Scope): Promise<never> {
    return new Promise<never>((_, reject) => {
      const guarded = (work: () => void): (() => void) => {
        return () => {
          try {
            work()
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
        }
      }
      let expectedMs = performance.now() + SWEEP_MS
      const sweep = guarded(() => {
        const nowMs = performance.now()
        this.#windows.loopDelay((nowMs - expectedMs) * 1_000)
        expectedMs = nowMs + SWEEP_MS
        this.#loop.client.sweep()
      })
      const sweeper = setInterval(sweep, SWEEP_MS)
      scope.defer(() => {
        clearInterval(sweeper)
      })
      this.#everyWindow(guarded, scope)
    })
  }

  #everyWindow(guarded: (work: () => void) => () => void, scope: Scope): void {
    let count = 0
    let timer: NodeJS.Timeout
    const next = (): void => {
      count++
      const waitMs = count * WINDOW_MS - this.#nowMs()
      timer = setTimeout(tick, Math.min(DAY_MS, Math.max(0, waitMs)))
    }
    const tick = guarded(() => {
      const window = this.#windows.close(count * WINDOW_MS, this.#loop.inFlight)
      this.#tell({ type: 'window', window })
      next()
      this.#log.flush()
    })
    next()
    scope.defer(() => {
      clearTimeout(timer)
    })
  }

  #askQueries(scope: Scope): QueryAsker {
    const asker = new QueryAsker({
      url: new URL(this.#job.url),
      headers: lowerCased(this.#job.headers),
      ca: this.#job.ca ?? null,
      queries: this.#job.queries,
      timeoutMs: Math.max(QUERY_TIMEOUT_MIN_MS, this.#job.requestTimeoutMs),
      nowMs: () => this.#nowMs(),
      paramsOf: (name) => this.#paramsOf(name),
      requests: () => this.#requestsDue(),
      ownWrites: this.#ownWrites,
      onResult: (query) => {
        this.#queries.push(query)
        this.#tell({ type: 'query', query })
      },
    })
    const timer = setTimeout(
      () => {
        asker.start()
      },
      Math.max(0, -this.#nowMs()),
    )
    scope.defer(() => {
      clearTimeout(timer)
    })
    return asker
  }

  #paramsOf(name: string): Readonly<Record<string, string>> {
    const index = newestIndex(this.#requestsDue(), this.#job.batchEvents)
    return queryParams(name, { stream: this.#stream, shape: this.#job.stream.shape, index })
  }

  #requestsDue(): number {
    return this.#schedule.requestsBefore(Math.max(0, this.#nowMs()))
  }
}

function makeClient({ client, ca, writes, stream }: DriverJob, options: ClientOptions): Client {
  if (writes !== undefined) {
    return new SqlClient({ ...options, writing: writes, columns: shapes[stream.shape].columns })
  }
  return client === 'raw'
    ? new RawClient(options)
    : new UndiciClient({ ...options, ca: ca ?? null })
}

function requestsOf({ speech, writes }: DriverJob, options: RequestWriterOptions): RequestSource {
  if (writes !== undefined) return new RowWriter(options)
  if (speech?.request == null) return new RequestWriter(options)
  return new TemplateWriter(speech.request, { ...options, constants: speech.constants })
}
