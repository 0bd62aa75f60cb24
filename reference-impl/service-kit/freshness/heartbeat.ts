/**
 * The heartbeat of a primary (mission-map B13): one row per source, updated all the time. In: where it is written. Out: the
 * last beat by the primary's clock. How far a copy lags follows from the beat that is visible there, on the same clock.
 */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { systemClock, type Clock } from '../../../src/kit/clock.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { clientConfig } from '../postgres/connection.ts'
import { within } from '../within.ts'

export interface Beat {
  /** Primary's clock, microseconds since 1970. */
  readonly tsUs: number
  /** When the beat was sent, by the clock of this process: the primary's clock read `tsUs` no earlier. */
  readonly sentAtMs: number
}

export interface HeartbeatOptions {
  readonly name: string
  /** Names the row: one per writer. */
  readonly source: string
  readonly intervalMs: number
  /**
   * Goes along with every beat, in the column `settled_us`: up to when nothing acknowledged is missing in the tables, by the
   * primary's clock, in microseconds since 1970. Absent: what is committed is in the tables.
   */
  readonly settledUs?: (() => number) | undefined
  readonly log: (line: string) => void
  readonly clock?: Clock
}

const FIRST = `INSERT INTO heartbeat (source, ts) VALUES ($1, clock_timestamp())
  ON CONFLICT (source) DO UPDATE SET ts = excluded.ts`
const BEAT = `UPDATE heartbeat SET ts = clock_timestamp() WHERE source = $1
  RETURNING (extract(epoch FROM ts) * 1e6)::bigint AS ts_us`
const BEAT_SETTLED = BEAT.replace('WHERE', ', settled_us = $2 WHERE')
/** A beat must not wait for the copies it is there to observe; flushed it must be, because only flushed WAL is sent. */
const SESSION = 'SET synchronous_commit = local'
const BEAT_TIMEOUT_MS = 2_000
const RETRY_MS = 250

export class Heartbeat implements AsyncDisposable {
  readonly #address: PostgresAddress
  readonly #options: HeartbeatOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #client: pg.Client | null = null
  #last: Beat | null = null
  #loop: Promise<void> = Promise.resolve()

  private constructor(address: PostgresAddress, options: HeartbeatOptions) {
    this.#address = address
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Rejects when the primary cannot be reached, or has no table `heartbeat`. */
  static async open(address: PostgresAddress, options: HeartbeatOptions): Promise<Heartbeat> {
    const heartbeat = new Heartbeat(address, options)
    await heartbeat.#beat()
    heartbeat.#loop = heartbeat.#run()
    return heartbeat
  }

  /** The last one that the primary has committed. */
  get last(): Beat {
    if (this.#last === null) throw new Error('a heartbeat is open once it has beaten')
    return this.#last
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await this.#client?.end().catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let failing = false
    while (!signal.aborted) {
      const startedAtMs = this.#clock.nowMs()
      try {
        await this.#beat()
        failing = false
      } catch (error) {
        this.#discard()
        if (!failing) this.#options.log(`the heartbeat cannot be written: ${messageOf(error)}`)
        failing = true
      }
      const everyMs = failing ? RETRY_MS : this.#options.intervalMs
      await pause(this.#clock, startedAtMs + everyMs - this.#clock.nowMs(), signal)
    }
  }

  async #beat(): Promise<void> {
    const client = this.#client ?? (await this.#connect())
    const { source, settledUs } = this.#options
    const statement =
      settledUs === undefined
        ? { text: BEAT, values: [source] }
        : { text: BEAT_SETTLED, values: [source, settledUs()] }
    const sentAtMs = this.#clock.nowMs()
    const { rows } = await within(
      BEAT_TIMEOUT_MS,
      client.query<{ ts_us: string }>({ name: 'beat', ...statement }),
    )
    if (rows[0] === undefined) throw new Error('its row is gone')
    this.#last = { tsUs: Number(rows[0].ts_us), sentAtMs }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#address, `${this.#options.name} heartbeat`))
    // Its query rejects as well; without a listener the process would end.
    client.on('error', () => undefined)
    this.#client = client
    await client.connect()
    await client.query(SESSION)
    await client.query(FIRST, [this.#options.source])
    return client
  }

  #discard(): void {
    void this.#client?.end().catch(() => undefined)
    this.#client = null
  }
}

/** Sleeps, and returns early when it is over. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
