/**
 * Up to when a primary's tables have all that was acknowledged, where that reaches them later. In: a statement that says so.
 * Out: what it said last, in microseconds since 1970 by the primary's clock. An older value stays true: it only says less.
 */
import type pg from 'pg'
import { systemClock } from '../../../src/kit/clock.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { pause } from './heartbeat.ts'

const EVERY_MS = 100
/** What waits is read whole to know its age: where that is much, it is asked less often. */
const IDLE_RATIO = 10

export class SettledWatch implements AsyncDisposable {
  readonly #pool: Pick<pg.Pool, 'query'>
  readonly #statement: string
  readonly #log: (line: string) => void
  readonly #stop = new AbortController()
  #lastUs = 0
  #loop: Promise<void> = Promise.resolve()

  private constructor(
    pool: Pick<pg.Pool, 'query'>,
    statement: string,
    log: (line: string) => void,
  ) {
    this.#pool = pool
    this.#statement = statement
    this.#log = log
  }

  /**
   * Rejects when the primary does not answer.
   * @param statement gives `settled_us`; its clock is read before its snapshot is taken
   */
  static async open(
    pool: Pick<pg.Pool, 'query'>,
    statement: string,
    log: (line: string) => void,
  ): Promise<SettledWatch> {
    const watch = new SettledWatch(pool, statement, log)
    await watch.#look()
    watch.#loop = watch.#run()
    return watch
  }

  get lastUs(): number {
    return this.#lastUs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let failing = false
    let tookMs = 0
    while (!signal.aborted) {
      await pause(systemClock, Math.max(EVERY_MS, IDLE_RATIO * tookMs), signal)
      const startedAtMs = systemClock.nowMs()
      try {
        await this.#look()
        failing = false
      } catch (error) {
        if (!failing) this.#log(`what the tables have yet to get is not known: ${messageOf(error)}`)
        failing = true
      }
      tookMs = systemClock.nowMs() - startedAtMs
    }
  }

  async #look(): Promise<void> {
    // No name and no values: a simple query, whose time is taken before its snapshot.
    const { rows } = await this.#pool.query<{ settled_us: string }>(this.#statement)
    if (rows[0] === undefined) throw new Error('the statement has no row')
    this.#lastUs = Number(rows[0].settled_us)
  }
}
