/**
 * How far a replica is behind, seen from a service. In: its address and the primary's heartbeat. Out: a sample every few
 * milliseconds, and for any moment an upper bound of its lag that holds even if nothing more was replayed since.
 *
 * One clock: the beat visible here and the last beat of the primary were both taken by the primary's clock, and the time
 * since is a duration of this process. Every commit before the visible beat is visible too, because the beat's own commit
 * comes later in the log.
 */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { systemClock, type Clock } from '../../../src/kit/clock.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { clientConfig } from '../postgres/connection.ts'
import { within } from '../within.ts'
import { pause, type Beat } from './heartbeat.ts'
import { parseLsn, type Lsn } from './lsn.ts'

export interface ReplicaWatchOptions {
  /** What answers and metrics call it. */
  readonly name: string
  readonly source: string
  readonly intervalMs: number
  readonly beat: () => Beat
  /** Whether beats carry `settled_us`. */
  readonly settles?: boolean
  /** Called after each sample; null where there was none. */
  readonly onSample: (sample: ReplicaSample | null) => void
  readonly log: (line: string) => void
  readonly clock?: Clock
}

export interface ReplicaSample {
  readonly atMs: number
  /** The primary's last beat minus the beat visible here: the lag itself, give or take one beat. */
  readonly heartbeatLagMs: number
  /** No commit older than this is missing here. */
  readonly lagAtMostMs: number
  readonly replayed: Lsn
}

interface Seen extends ReplicaSample {
  readonly visibleUs: number
  readonly settledUs: number
}

interface Waiter {
  readonly token: Lsn
  readonly tell: (reached: boolean) => void
}

const SAMPLE = `SELECT (extract(epoch FROM ts) * 1e6)::bigint AS ts_us, pg_last_wal_replay_lsn() AS lsn
  FROM heartbeat WHERE source = $1`
const SAMPLE_SETTLED = SAMPLE.replace('AS ts_us,', 'AS ts_us, settled_us,')
/** A sample that takes longer says: not now. */
const SAMPLE_TIMEOUT_MS = 250
const RETRY_MS = 100
const US_PER_MS = 1_000

export class ReplicaWatch implements AsyncDisposable {
  readonly name: string
  readonly #address: PostgresAddress
  readonly #options: ReplicaWatchOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #waiters = new Set<Waiter>()
  #client: pg.Client | null = null
  #seen: Seen | null = null
  readonly #loop: Promise<void>

  /** Begins at once. A replica that is down is one that has not answered yet. */
  constructor(address: PostgresAddress, options: ReplicaWatchOptions) {
    this.name = options.name
    this.#address = address
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#loop = this.#run()
  }

  /** The last sample; null while the replica does not answer. */
  get sample(): ReplicaSample | null {
    return this.#seen
  }

  /** What a query that starts now may miss at most; infinite where nothing is known. */
  lagAtMostMs(): number {
    return this.#seen === null
      ? Number.POSITIVE_INFINITY
      : this.#boundMs(this.#seen.visibleUs, this.#clock.nowMs())
  }

  /** The same of tables that get what is acknowledged later: what has not reached them on the primary is missing here too. */
  settledLagAtMostMs(): number {
    return this.#seen === null
      ? Number.POSITIVE_INFINITY
      : this.#boundMs(this.#seen.settledUs, this.#clock.nowMs())
  }

  /** Whether everything up to `token` is visible here, at the latest after `budgetMs`. */
  async whenReplayed(token: Lsn, budgetMs: number): Promise<boolean> {
    if (this.#hasReplayed(token)) return true
    return await new Promise<boolean>((resolve) => {
      const waiter: Waiter = {
        token,
        tell: (reached) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          resolve(reached)
        },
      }
      const timer = setTimeout(() => {
        waiter.tell(false)
      }, budgetMs)
      this.#waiters.add(waiter)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const waiter of this.#waiters) waiter.tell(false)
    await this.#loop
    await this.#client?.end().catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let failing = false
    while (!signal.aborted) {
      const startedAtMs = this.#clock.nowMs()
      try {
        this.#seen = await this.#look()
        failing = false
      } catch (error) {
        this.#forget()
        if (!failing) this.#options.log(`${this.name} does not answer: ${messageOf(error)}`)
        failing = true
      }
      this.#options.onSample(this.#seen)
      for (const waiter of this.#waiters) {
        if (this.#hasReplayed(waiter.token)) waiter.tell(true)
      }
      const everyMs = failing ? RETRY_MS : this.#options.intervalMs
      await pause(this.#clock, startedAtMs + everyMs - this.#clock.nowMs(), signal)
    }
  }

  async #look(): Promise<Seen> {
    const client = this.#client ?? (await this.#connect())
    const { rows } = await within(
      SAMPLE_TIMEOUT_MS,
      client.query<{ ts_us: string; settled_us?: string; lsn: string | null }>({
        name: 'sample',
        text: this.#options.settles === true ? SAMPLE_SETTLED : SAMPLE,
        values: [this.#options.source],
      }),
    )
    const [row] = rows
    if (row === undefined) throw new Error('no heartbeat has arrived there yet')
    const replayed = row.lsn === null ? null : parseLsn(row.lsn)
    if (replayed === null) throw new Error('it is not a standby')
    const visibleUs = Number(row.ts_us)
    const atMs = this.#clock.nowMs()
    return {
      visibleUs,
      settledUs: Number(row.settled_us ?? row.ts_us),
      atMs,
      replayed,
      heartbeatLagMs: Math.max(0, (this.#options.beat().tsUs - visibleUs) / US_PER_MS),
      lagAtMostMs: this.#boundMs(visibleUs, atMs),
    }
  }

  #boundMs(visibleUs: number, nowMs: number): number {
    const beat = this.#options.beat()
    return Math.max(0, (beat.tsUs - visibleUs) / US_PER_MS + nowMs - beat.sentAtMs)
  }

  #hasReplayed(token: Lsn): boolean {
    return this.#seen !== null && this.#seen.replayed >= token
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#address, `watch of ${this.name}`))
    client.on('error', () => undefined)
    // A server that starts again may show an older state than it did before: what was seen is void at once.
    client.on('end', () => {
      if (this.#client === client) this.#forget()
    })
    this.#client = client
    await within(SAMPLE_TIMEOUT_MS, client.connect())
    return client
  }

  #forget(): void {
    const client = this.#client
    this.#client = null
    this.#seen = null
    void client?.end().catch(() => undefined)
  }
}
