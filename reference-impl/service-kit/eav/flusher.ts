/**
 * Moves staged rows to the time series, again and again, and looks after its partitions. In: the database, how often. Out: rows
 * moved, and what it counts. A flush that fails moves nothing: its rows stay staged for the next one. None fails for want of a
 * partition: what has none lies in the default partition until it can be made.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { clientConfig } from '../postgres/connection.ts'
import { isWorthRepeating } from '../postgres/failure.ts'
import { RollingTimes } from '../rolling-times.ts'
import type { EavSettings } from './settings.ts'
import { SERIES, STAGING } from './statements.ts'

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

interface Moved {
  readonly moved: number
  readonly stored: number
  /** Rows in the default partition whose range should have a partition. */
  readonly late: number
}

const OUT_OF_LOCKS = '53200'
const FIRST = '-infinity'
const LAST = 'infinity'
const RETRY_MS = 250
const MAINTAINED_EVERY_MS = 60_000
/** A partition that could not be made is tried again after this long: each attempt may hold up readers for 50 ms. */
const PARTITION_RETRY_MS = 5_000
const BORDER = 'SELECT flush_border($1)::text AS border'
const WANTED = 'SELECT first_at::text FROM wanted_ranges() AS first_at'
const DELETE_PAST = `DELETE FROM ${SERIES}_default WHERE ingested_at < first_kept($1)`

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
  /** Where the next part begins while what is staged lies in more partitions than one transaction can lock; else null. */
  #partFrom: string | null = null
  /** When wanted partitions are made. */
  #partitionsDueMs = Number.NEGATIVE_INFINITY
  #lacksPartitions = false

  constructor(address: PostgresAddress, settings: FlusherSettings, log: (line: string) => void) {
    this.#address = address
    this.#settings = settings
    this.#log = log
    const flush = settings.flush === 'naive' ? 'stage_flush_naive' : 'stage_flush'
    this.#statement = `SELECT moved::text, stored::text, late::text FROM ${flush}($1, $2)`
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
      const everyMs = failing ? RETRY_MS : this.#partFrom === null ? this.#settings.flushMs : 0
      const pauseMs = Math.max(0, startedMs + everyMs - performance.now())
      await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** What is staged now goes along; then the connection closes. */
  async close(): Promise<void> {
    try {
      do await this.#flush()
      while (this.#partFrom !== null)
    } catch (error) {
      this.#log(`rows stay staged: ${messageOf(error)}`)
    }
    await this.#client?.end().catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const client = this.#client ?? (await this.#connect())
    await this.#maintain(client)
    const startedMs = performance.now()
    const { moved, stored, late } = await this.#move(client)
    this.#durations.record(performance.now() - startedMs)
    this.#movedRows += moved
    this.#repeatedRows += moved - stored
    if (late > 0 && !this.#lacksPartitions) this.#partitionsDueMs = startedMs
    if (moved > 0) await this.#vacuum(client)
  }

  async #move(client: pg.Client): Promise<Moved> {
    if (this.#partFrom === null) {
      try {
        return await this.#moveRange(client, FIRST, LAST)
      } catch (error) {
        if (!(error instanceof pg.DatabaseError) || error.code !== OUT_OF_LOCKS) throw error
        this.#log(`staged rows are moved a few partitions at a time: ${messageOf(error)}`)
      }
    }
    const from = this.#partFrom ?? FIRST
    const { rows } = await client.query<{ border: string }>(BORDER, [from])
    const border = rows[0]?.border ?? LAST
    const moved = await this.#moveRange(client, from, border)
    this.#partFrom = border === LAST ? null : border
    return moved
  }

  async #moveRange(client: pg.Client, from: string, to: string): Promise<Moved> {
    const ask = async (): Promise<Moved> => {
      const { rows } = await client.query<Record<keyof Moved, string>>(this.#statement, [from, to])
      const [row] = rows
      return {
        moved: Number(row?.moved ?? 0),
        stored: Number(row?.stored ?? 0),
        late: Number(row?.late ?? 0),
      }
    }
    try {
      return await ask()
    } catch (error) {
      if (!isWorthRepeating(error)) throw error
      return await ask()
    }
  }

  async #maintain(client: pg.Client): Promise<void> {
    const nowMs = performance.now()
    const isDue = nowMs - this.#maintainedAtMs >= MAINTAINED_EVERY_MS
    if (isDue) {
      this.#maintainedAtMs = nowMs
      const { retainPartitions } = this.#settings
      if (retainPartitions !== null) await this.#dropPast(client, retainPartitions)
    }
    if (isDue || nowMs >= this.#partitionsDueMs) await this.#makePartitions(client)
  }

  /** Each in a transaction of its own: no lock table is too small for one. */
  async #makePartitions(client: pg.Client): Promise<void> {
    try {
      const { rows } = await client.query<{ first_at: string }>(WANTED)
      for (const { first_at: at } of rows) await client.query('SELECT ensure_partition($1)', [at])
      this.#lacksPartitions = false
      this.#partitionsDueMs = Number.POSITIVE_INFINITY
    } catch (error) {
      // Behind a long reader, mostly. Whatever it is, staged rows do not wait for it.
      if (!this.#lacksPartitions) this.#log(`rows wait for a partition: ${messageOf(error)}`)
      this.#lacksPartitions = true
      this.#partitionsDueMs = performance.now() + PARTITION_RETRY_MS
    }
  }

  async #dropPast(client: pg.Client, retain: number): Promise<void> {
    try {
      const past = 'SELECT name FROM partitions_past($1) AS name'
      const { rows } = await client.query<{ name: string }>(past, [retain])
      for (const { name } of rows) {
        await client.query('SELECT drop_partition($1)', [name])
        this.#log(`dropped ${name}: past retention`)
      }
      await client.query(DELETE_PAST, [retain])
    } catch (error) {
      // Behind a long reader; staged rows waited 50 ms for each lock, and it is tried again in a minute.
      this.#log(`a past partition stays for now: ${messageOf(error)}`)
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
