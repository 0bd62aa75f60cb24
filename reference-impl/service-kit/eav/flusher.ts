/**
 * Moves staged rows to the time series, again and again. In: the database, how often. Out: rows moved, and what it counts.
 * A flush that fails moves nothing: its rows stay staged for the next one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { clientConfig } from '../postgres/connection.ts'
import { RollingTimes } from '../rolling-times.ts'
import type { EavSettings } from './settings.ts'
import { STAGING } from './statements.ts'

export type FlusherSettings = Pick<
  EavSettings,
  'flush' | 'flushMs' | 'vacuumEveryFlushes' | 'retainPartitions'
>

export interface FlusherMeter {
  /** What the last whole second saw. */
  readonly flushP99Ms: number
  readonly movedRows: number
  /** Moved, and dropped there because the series has the write already. */
  readonly repeatedRows: number
  readonly failedFlushes: number
}

const NO_PARTITION = '23514'
const RETRY_MS = 250
/** Partitions are there this long before their time. */
const AHEAD = `SELECT ensure_partition(now()), ensure_partition(now() + interval '1 day')`
const MAINTAINED_EVERY_MS = 60_000

export class Flusher {
  readonly #address: PostgresAddress
  readonly #settings: FlusherSettings
  readonly #log: (line: string) => void
  readonly #statement: string
  readonly #durations = new RollingTimes()
  #client: pg.Client | null = null
  #movedRows = 0
  #repeatedRows = 0
  #failedFlushes = 0
  #sinceVacuum = 0
  #maintainedAtMs = Number.NEGATIVE_INFINITY

  constructor(address: PostgresAddress, settings: FlusherSettings, log: (line: string) => void) {
    this.#address = address
    this.#settings = settings
    this.#log = log
    const call = settings.flush === 'naive' ? 'stage_flush_naive()' : 'stage_flush()'
    this.#statement = `SELECT moved::text, stored::text FROM ${call}`
  }

  get meter(): FlusherMeter {
    return {
      flushP99Ms: this.#durations.p99Ms(),
      movedRows: this.#movedRows,
      repeatedRows: this.#repeatedRows,
      failedFlushes: this.#failedFlushes,
    }
  }

  /** One flush before it says that it works. Rejects when the database cannot be reached. */
  async open(): Promise<void> {
    await this.#flush()
  }

  async run(signal: AbortSignal): Promise<void> {
    let failing = false
    while (!signal.aborted) {
      const startedMs = performance.now()
      try {
        await this.#flush()
        failing = false
      } catch (error) {
        this.#failedFlushes++
        if (!failing) this.#log(`staged rows cannot be moved: ${messageOf(error)}`)
        failing = true
        this.#discard()
      }
      const everyMs = failing ? RETRY_MS : this.#settings.flushMs
      const pauseMs = Math.max(0, startedMs + everyMs - performance.now())
      await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** What is staged now goes along; then the connection closes. */
  async close(): Promise<void> {
    await this.#flush().catch((error: unknown) => {
      this.#log(`rows stay staged: ${messageOf(error)}`)
    })
    await this.#client?.end().catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const client = this.#client ?? (await this.#connect())
    await this.#maintain(client)
    const startedMs = performance.now()
    const { moved, stored } = await this.#move(client)
    this.#durations.record(performance.now() - startedMs)
    this.#movedRows += moved
    this.#repeatedRows += moved - stored
    if (moved > 0) await this.#vacuum(client)
  }

  async #move(client: pg.Client): Promise<{ readonly moved: number; readonly stored: number }> {
    const ask = async (): Promise<{ moved: string; stored: string } | undefined> => {
      const { rows } = await client.query<{ moved: string; stored: string }>(this.#statement)
      return rows[0]
    }
    let row: Awaited<ReturnType<typeof ask>>
    try {
      row = await ask()
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== NO_PARTITION) throw error
      // A write from a time that nobody expected: its partition is made, and nothing has moved yet.
      await client.query('SELECT ensure_partitions()')
      row = await ask()
    }
    return { moved: Number(row?.moved ?? 0), stored: Number(row?.stored ?? 0) }
  }

  async #maintain(client: pg.Client): Promise<void> {
    if (performance.now() - this.#maintainedAtMs < MAINTAINED_EVERY_MS) return
    await client.query(AHEAD)
    this.#maintainedAtMs = performance.now()
    const { retainPartitions } = this.#settings
    if (retainPartitions === null) return
    await this.#dropPast(client, retainPartitions).catch((error: unknown) => {
      // Behind a long reader; staged rows waited 50 ms for each lock, and it is tried again in a minute.
      this.#log(`a past partition stays for now: ${messageOf(error)}`)
    })
  }

  async #dropPast(client: pg.Client, retain: number): Promise<void> {
    const past = 'SELECT name FROM partitions_past($1) AS name'
    const { rows } = await client.query<{ name: string }>(past, [retain])
    for (const { name } of rows) {
      await client.query('SELECT drop_partition($1)', [name])
      this.#log(`dropped ${name}: past retention`)
    }
  }

  /** Deleted rows keep their place until then, and every flush reads the whole table. */
  async #vacuum(client: pg.Client): Promise<void> {
    this.#sinceVacuum++
    if (this.#sinceVacuum < this.#settings.vacuumEveryFlushes) return
    this.#sinceVacuum = 0
    await client.query(`VACUUM ${STAGING}`)
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#address, 'eav flusher'))
    // Its statement rejects as well; without a listener the process would end.
    client.on('error', () => undefined)
    await client.connect()
    this.#client = client
    return client
  }

  #discard(): void {
    void this.#client?.end().catch(() => undefined)
    this.#client = null
  }
}
