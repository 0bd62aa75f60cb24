/**
 * When the event loop looks at the schedule. In: due times and a pump that sends what is due. Out: calls of the pump.
 * `metro` is even to microseconds and costs a thread; `tick` looks every millisecond and costs least.
 */
import { Worker } from 'node:worker_threads'
import { compiledEntry } from '../kit/paths.ts'
import type { DueTimes } from './due-times.ts'
import { STOPPED, WAKE_PENDING } from './due-times.ts'
import type { MetronomeData } from './metronome.ts'
import { monotonicMs } from './monotonic.ts'
import type { Segment } from './job.ts'

export interface Pacer {
  readonly kind: 'metro' | 'tick'
  start(): void
  stop(): Promise<void>
}

export interface PacerOptions {
  readonly dueTimes: DueTimes
  /** Sends what is due, though not endlessly many at once. */
  readonly pump: () => void
}

/** Above this a wake per request costs more than it gives: performance.md, pacing. */
const METRO_REQUESTS_PER_S_MAX = 10_000
/** The metronome is early on purpose; the loop turns without sleeping until the moment has come. */
const TURN_WITHIN_MS = 0.08
const TICK_MS = 1
const TICK_MAX_MS = 20

export function choosePacing(
  asked: 'auto' | 'metro' | 'tick',
  segments: readonly Segment[],
  batchEvents: number,
): 'metro' | 'tick' {
  if (asked !== 'auto') return asked
  const peak = Math.max(0, ...segments.map(({ fromPerS, toPerS }) => Math.max(fromPerS, toPerS)))
  return peak / batchEvents <= METRO_REQUESTS_PER_S_MAX ? 'metro' : 'tick'
}

export function makePacer(kind: 'metro' | 'tick', options: PacerOptions): Pacer {
  return kind === 'metro' ? new MetroPacer(options) : new TickPacer(options)
}

class TickPacer implements Pacer {
  readonly kind = 'tick'
  readonly #options: PacerOptions
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: PacerOptions) {
    this.#options = options
  }

  start(): void {
    const { dueTimes, pump } = this.#options
    if (this.#stopped) return
    pump()
    const waitMs = dueTimes.nextMs - performance.now()
    if (waitMs <= 0)
      setImmediate(() => {
        this.start()
      })
    else {
      const sleepMs = Math.max(TICK_MS, Math.min(TICK_MAX_MS, Math.floor(waitMs)))
      this.#timer = setTimeout(() => {
        this.start()
      }, sleepMs)
    }
  }

  stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    return Promise.resolve()
  }
}

class MetroPacer implements Pacer {
  readonly kind = 'metro'
  readonly #options: PacerOptions
  /** One for all turns: there are up to a hundred thousand a second, and what each leaves behind is collected in a pause. */
  readonly #turnAgain = (): void => {
    this.#turn()
  }
  #worker: Worker | null = null
  #isTurning = false
  #stopped = false

  constructor(options: PacerOptions) {
    this.#options = options
  }

  start(): void {
    const { shared } = this.#options.dueTimes
    const workerData: MetronomeData = {
      ...shared,
      clockOffsetMs: monotonicMs() - performance.now(),
    }
    const worker = new Worker(compiledEntry('src/drive/metronome.ts'), { workerData })
    this.#worker = worker
    worker.on('message', () => {
      Atomics.store(shared.control, WAKE_PENDING, 0)
      if (!this.#isTurning) this.#turn()
    })
    worker.on('error', (error) => {
      // Without its metronome the loop would miss every due time: better no run than a wrong one.
      throw error
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const { control } = this.#options.dueTimes.shared
    Atomics.store(control, STOPPED, 1)
    Atomics.notify(control, STOPPED)
    await this.#worker?.terminate()
  }

  #turn(): void {
    if (this.#stopped) return
    this.#options.pump()
    this.#isTurning = this.#options.dueTimes.nextMs - performance.now() < TURN_WITHIN_MS
    if (this.#isTurning) setImmediate(this.#turnAgain)
  }
}
