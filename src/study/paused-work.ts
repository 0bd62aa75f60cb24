/**
 * Something that is done again and again while a run lasts, and not while a fault does: a consumer that stops reading. In: how
 * it is done once. Out: why it could not be done, or could not go on.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'

export interface PausedWorkOptions {
  readonly everyS: number
  /** Ends it for good. */
  readonly signal: AbortSignal
  readonly log: Log
}

export class PausedWork {
  readonly #once: (signal: AbortSignal) => Promise<void>
  readonly #options: PausedWorkOptions
  #stop = new AbortController()
  #working: Promise<void>
  /** Of the last time; null: it was done. */
  #failure: string | null = null

  constructor(once: (signal: AbortSignal) => Promise<void>, options: PausedWorkOptions) {
    this.#once = once
    this.#options = options
    this.#working = this.#work(this.#stop.signal)
  }

  /** Resolves when nothing is under way. @returns why it failed the last time; null: it did not */
  async pause(): Promise<string | null> {
    this.#stop.abort()
    await this.#working
    return this.#failure
  }

  resume(): void {
    this.#stop = new AbortController()
    this.#working = this.#work(this.#stop.signal)
  }

  /** Resolves when the run is over. @returns as pause */
  async untilOver(): Promise<string | null> {
    await this.#working
    return this.#failure
  }

  async #work(stop: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([stop, this.#options.signal])
    const isOver = (): boolean => signal.aborted
    while (!isOver()) {
      try {
        await this.#once(signal)
        this.#failure = null
      } catch (error) {
        // Cut short is no failure.
        if (isOver()) return
        this.#tell(messageOf(error))
      }
      await delay(this.#options.everyS * 1_000, undefined, { signal }).catch(() => undefined)
    }
  }

  #tell(message: string): void {
    if (message !== this.#failure) this.#options.log(`fault: what pauses failed: ${message}`)
    this.#failure = message
  }
}
