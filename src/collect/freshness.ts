/**
 * When each event became readable. In: a store whose arrivals are polled. Out: for every event the moment of the poll
 * that first showed it, so every event counts; the widest gap between polls says how finely that is known.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Reach, Store } from '../engines/engine.ts'
import { systemClock } from '../kit/clock.ts'
import type { Clock } from '../kit/clock.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { PRELOAD_BASE_INDEX } from '../shapes/stream.ts'
import type { EventStream } from '../shapes/stream.ts'
import { Backlog } from './backlog.ts'
import { GapLog } from './gap-log.ts'
import { IndexSet } from './index-set.ts'
import type { Probe } from './probe.ts'

const POLL_MS = 100
const PROBE_INTERVAL_MS = 1_000
/** Polls in a row without anything new after which nothing more is expected of a store that holds enough. */
const QUIET_POLLS = 10
/** A look at thousands of partitions takes a second or two; one that is never answered must not hold up the end. */
const LAST_LOOK_LIMIT_MS = 20_000
/** Events whose identity is looked at in one turn: some milliseconds. */
const REPEATS_PER_TURN = 65_536
/** How long a store that does not heed its signal may keep a stop waiting. */
const STOP_LIMIT_MS = 2_000

/** Where first-seen times go; `atMs` is ms after the run's epoch. Each index comes once. */
export interface SeenLog {
  seen(index: number, atMs: number): void
}

export interface FreshnessOptions {
  readonly store: Pick<Store, 'name' | 'arrivals'>
  readonly stream: Pick<EventStream, 'indexOf' | 'canonicalOf'>
  readonly seenLog: SeenLog
  readonly epochMs: number
  /** Time from one poll's start to the next; longer when a poll takes more than half of it. */
  readonly pollMs?: number
  /** Share of events that repeat an earlier one, as in the scenario: they never become readable a second time. */
  readonly duplicateRatio?: number
  readonly signal: AbortSignal
  readonly log: Log
  readonly clock?: Clock
}

export interface DrainOptions {
  /** Events answered accepted or duplicate. */
  readonly acknowledgedEvents: number
  /** Events 0…n−1 were due. */
  readonly dueEvents: number
  readonly drainS: number
}

export interface FreshnessSummary {
  readonly store: string
  readonly polls: number
  readonly failures: number
  readonly lastError: string | null
  /** An event became readable at most this long before it was seen, ms: the widest of all polls. */
  readonly resolutionMs: number
  /** The same for the median poll. */
  readonly usualResolutionMs: number
  /** Polls until everywhere was looked at; more than one where a store has many partitions. */
  readonly roundPolls: number
  /** Distinct events seen. */
  readonly seenEvents: number
  /** Acknowledged in the driver's windows, and not seen when polling ended. */
  readonly leftEvents: number
  /** Ids that no event of the stream has; preloaded rows are not counted. */
  readonly foreignIds: number
}

export interface RunningFreshness extends AsyncDisposable {
  /** backlog.events and rate.storedEventsPerS of this store, for the sampler. */
  readonly probe: Probe
  /** Tells how many events had been answered accepted or duplicate at a moment, ms after the epoch: a driver's window. */
  acknowledged(totalEvents: number, atMs: number): void
  /**
   * Events acknowledged at the moment told last and not seen by the first poll that began after it: windows come late, and
   * what was stored meanwhile must not hide what waited. Null before the first. Unanswered stored ones hide some.
   */
  backlogEvents(): number | null
  /**
   * Keeps polling until everything acknowledged was seen or `drainS` has passed; true when it was. A store that takes a round
   * to look at is looked at everywhere before its end.
   */
  drain(options: DrainOptions): Promise<boolean>
  /** Ends polling. May be called again. */
  stop(): Promise<FreshnessSummary>
}

/** Begins with a first poll, so that nothing stored from now on is missed. Rejects when that poll does. */
export async function startFreshness(options: FreshnessOptions): Promise<RunningFreshness> {
  const { cursor } = await options.store.arrivals(null, options.signal)
  return new Poller(options, cursor)
}

class Poller implements RunningFreshness {
  readonly probe: Probe
  readonly #options: FreshnessOptions
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  readonly #signal: AbortSignal
  readonly #seen = new IndexSet()
  readonly #gaps = new GapLog()
  readonly #loop: Promise<void>
  #cursor: unknown
  #polls = 0
  #failures = 0
  #lastError: string | null = null
  #foreignIds = 0
  #quietPolls = 0
  #reach: Reach = 'in-turn'
  #roundPolls = 1
  readonly #backlog = new Backlog()
  #afterPoll: (() => void) | null = null

  constructor(options: FreshnessOptions, cursor: unknown) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#cursor = cursor
    this.#signal = AbortSignal.any([options.signal, this.#stopping.signal])
    this.probe = storedProbe(this, this.#backlog, { name: options.store.name, clock: this.#clock })
    this.#loop = this.#run()
  }

  get seenEvents(): number {
    return this.#seen.size
  }

  acknowledged(totalEvents: number, atMs: number): void {
    this.#backlog.acknowledged(totalEvents * (1 - (this.#options.duplicateRatio ?? 0)), atMs)
  }

  backlogEvents(): number | null {
    return this.#backlog.events()
  }

  async drain({ acknowledgedEvents, dueEvents, drainS }: DrainOptions): Promise<boolean> {
    // Deliberate repeats are acknowledged as well and never become readable a second time.
    const repeats = await repeatsBelow(dueEvents, this.#options.stream)
    const hasAll = (): boolean => this.#seen.size >= dueEvents - repeats
    const hasAcknowledged = (): boolean => this.#seen.size >= acknowledgedEvents - repeats
    const isOver = (): boolean => hasAll() || (hasAcknowledged() && this.#quietPolls >= QUIET_POLLS)
    await this.#until(isOver, drainS * 1_000)
    if (hasAll() || this.#roundPolls === 1) return isOver()
    // Something may be stored where the turn has not come to since.
    this.#reach = 'everywhere'
    await this.#until(() => this.#reach === 'in-turn', LAST_LOOK_LIMIT_MS)
    this.#reach = 'in-turn'
    return hasAcknowledged()
  }

  async #until(isDone: () => boolean, limitMs: number): Promise<void> {
    if (isDone()) return
    const waiting = new AbortController()
    this.#afterPoll = () => {
      if (isDone()) waiting.abort()
    }
    await this.#sleep(limitMs, AbortSignal.any([waiting.signal, this.#signal]))
    this.#afterPoll = null
  }

  async stop(): Promise<FreshnessSummary> {
    this.#stopping.abort()
    const limit = new AbortController()
    await Promise.race([this.#loop, this.#sleep(STOP_LIMIT_MS, limit.signal)])
    limit.abort()
    return {
      store: this.#options.store.name,
      polls: this.#polls,
      failures: this.#failures,
      lastError: this.#lastError,
      resolutionMs: this.#gaps.widestMs(),
      usualResolutionMs: this.#gaps.medianMs(),
      roundPolls: this.#roundPolls,
      seenEvents: this.#seen.size,
      leftEvents: this.#backlog.left(),
      foreignIds: this.#foreignIds,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(): Promise<void> {
    const pollMs = this.#options.pollMs ?? POLL_MS
    let lastStartMs = this.#clock.nowMs()
    let lastReach: Reach = 'in-turn'
    while (!this.#signal.aborted) {
      const startMs = this.#clock.nowMs()
      const reach = this.#reach
      if (await this.#poll(reach)) {
        this.#backlog.polled(this.#seen.size, startMs - this.#options.epochMs)
        const endMs = this.#clock.nowMs()
        // What this poll showed first may have become readable just after the poll before it had looked. That looking
        // everywhere takes long matters only if something was seen late by it.
        if (this.#quietPolls === 0 || (reach === 'in-turn' && lastReach === 'in-turn'))
          this.#gaps.add(endMs - lastStartMs)
        lastStartMs = startMs
        lastReach = reach
      }
      this.#afterPoll?.()
      const tookMs = this.#clock.nowMs() - startMs
      await this.#sleep(Math.max(pollMs - tookMs, tookMs), this.#signal)
    }
  }

  /** Whether the store answered. */
  async #poll(reach: Reach): Promise<boolean> {
    const { store, stream, seenLog, epochMs, log } = this.#options
    try {
      const {
        ids,
        sources,
        cursor,
        roundPolls = 1,
      } = await store.arrivals(this.#cursor, this.#signal, reach)
      const atMs = this.#clock.nowMs() - epochMs
      this.#cursor = cursor
      this.#polls += 1
      this.#roundPolls = Math.max(this.#roundPolls, roundPolls)
      const before = this.#seen.size
      ids.forEach((id, position) => {
        const index = stream.indexOf(sources[position] ?? '', id)
        if (index === null) this.#foreignIds += 1
        else if (index < PRELOAD_BASE_INDEX && this.#seen.add(index)) seenLog.seen(index, atMs)
      })
      this.#quietPolls = this.#seen.size === before ? this.#quietPolls + 1 : 0
      if (reach === 'everywhere') this.#reach = 'in-turn'
      return true
    } catch (error) {
      if (this.#signal.aborted) return false
      this.#failures += 1
      const message = messageOf(error)
      if (message !== this.#lastError) log(`freshness of ${store.name}: ${message}`)
      this.#lastError = message
      return false
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(ms, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

/** How many of the first events repeat an earlier one. */
async function repeatsBelow(
  dueEvents: number,
  stream: Pick<EventStream, 'canonicalOf'>,
): Promise<number> {
  let repeats = 0
  for (let index = 0; index < dueEvents; index += 1) {
    if (stream.canonicalOf(index) !== index) repeats += 1
    if (index % REPEATS_PER_TURN === REPEATS_PER_TURN - 1) await nextTurn()
  }
  return repeats
}

function storedProbe(
  poller: { readonly seenEvents: number },
  backlog: Backlog,
  { name, clock }: { readonly name: string; readonly clock: Clock },
): Probe {
  let before = { atMs: clock.nowMs(), events: 0 }
  return {
    name: `freshness ${name}`,
    intervalMs: PROBE_INTERVAL_MS,
    sample: () => {
      const now = { atMs: clock.nowMs(), events: poller.seenEvents }
      const seconds = (now.atMs - before.atMs) / 1_000
      const perS = seconds > 0 ? (now.events - before.events) / seconds : null
      before = now
      const waiting = backlog.take()
      return Promise.resolve([
        ...(perS === null ? [] : [{ metric: 'rate.storedEventsPerS', label: name, value: perS }]),
        ...(waiting === null ? [] : [{ metric: 'backlog.events', label: name, value: waiting }]),
      ])
    },
  }
}
