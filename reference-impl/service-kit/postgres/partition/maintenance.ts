/**
 * Keeps time partitions ahead of time (mission-map H9). In: a connection, what is wanted, the moment. Out: the partitions
 * that were missing, made; rows that had to wait in the default partition, moved there; what is past retention, dropped.
 * Every step is a transaction of its own: one that is cut short leaves nothing half done, and the next tick does it again.
 */
import type pg from 'pg'
import { runPartman } from './partman.ts'
import type { Interval, PartitionMaker, Range } from './ranges.ts'
import { boundsOf, partitionName, rangeAt, rangeBeside, rangesAround } from './ranges.ts'

export interface MaintenanceOptions {
  /** Who makes ranges ahead and drops old ones; rows that waited are always given theirs here. */
  readonly maker: PartitionMaker
  readonly interval: Interval
  /** Partitions kept ready behind the current one. */
  readonly ahead: number
  /** Partitions before the current one whose rows are kept; null keeps all. */
  readonly retain: number | null
  /** Whether rows that fit no partition wait in one. */
  readonly hasDefault: boolean
  /** Whether identities have a table of their own, and so have to go with their rows. */
  readonly hasIdentities: boolean
}

export interface MaintenanceDone {
  readonly made: readonly string[]
  readonly dropped: readonly string[]
  /** Rows taken out of the default partition, to their own or past retention. */
  readonly movedRows: number
}

/**
 * Attaching needs the default partition to itself for a moment. Who waits for a lock makes everybody behind it wait, so
 * it gives up soon and tries again at the next tick.
 */
const LOCK_TIMEOUT_MS = 2_000
/** One at a time, whoever else maintains this table; ends with its transaction, so it works behind a pooler. */
const MAINTENANCE_LOCK = 4_117_002
/** Ranges below the current one that rows from the default partition may still be given. */
const LATE_RANGES_MAX = 100

export class PartitionMaintenance {
  readonly #client: pg.Client
  readonly #options: MaintenanceOptions

  constructor(client: pg.Client, options: MaintenanceOptions) {
    this.#client = client
    this.#options = options
  }

  /** Rejects at the first step that fails; what came before it stays done. */
  async tick(now: Date): Promise<MaintenanceDone> {
    const { interval, ahead, maker } = this.#options
    const existing = await this.#partitions()
    const wanted = [
      ...(maker === 'own' ? rangesAround(interval, now, { behind: 0, ahead }) : []),
      // pg_partman attaches no range that has rows in the default partition: those are moved first.
      ...(await this.#rangesOfWaiting(now)),
    ]
    const made: string[] = []
    let movedRows = 0
    for (const range of wanted) {
      const name = partitionName(interval, range, maker)
      if (existing.has(name)) continue
      const moved = await this.#make(name, range)
      if (moved === null) continue
      made.push(name)
      movedRows += moved
    }
    if (maker === 'pg_partman') {
      const { more, dropped } = await this.#runPartman()
      return {
        made: [...made, ...more],
        dropped,
        movedRows: movedRows + (await this.#deletePast(now)),
      }
    }
    const dropped = await this.#dropPast(existing, now)
    return { made, dropped, movedRows: movedRows + (await this.#deletePast(now)) }
  }

  async #partitions(): Promise<ReadonlySet<string>> {
    const { rows } = await this.#client.query<{ name: string }>(
      `SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'events'::regclass`,
    )
    return new Set(rows.map(({ name }) => name))
  }

  /**
   * Of rows in the default partition, the ranges near enough to be given a partition. A clock gone wrong or a bad client
   * sends any timestamp: a partition for each of them would be worse than rows that wait, and are counted.
   */
  async #rangesOfWaiting(now: Date): Promise<readonly Range[]> {
    const { interval, ahead, retain, hasDefault } = this.#options
    if (!hasDefault) return []
    const current = rangeAt(interval, now)
    const first = rangeBeside(
      interval,
      current,
      -Math.min(retain ?? LATE_RANGES_MAX, LATE_RANGES_MAX),
    )
    const last = rangeBeside(interval, current, ahead)
    const { rows } = await this.#client.query<{ start: Date }>(
      `SELECT DISTINCT date_trunc($3, timestamp, 'UTC') AS start FROM events_default
        WHERE timestamp >= $1 AND timestamp < $2 ORDER BY 1`,
      [first.from, last.to, interval],
    )
    return rows.map(({ start }) => rangeAt(interval, start))
  }

  /**
   * CREATE TABLE … PARTITION OF would lock the whole table against readers; attaching locks only the default partition.
   * Out: rows moved; null where somebody else is at it.
   */
  #make(name: string, range: Range): Promise<number | null> {
    const { hasDefault } = this.#options
    return this.#transaction(async () => {
      const { rows } = await this.#client.query<{ mine: boolean }>(
        `SELECT pg_try_advisory_xact_lock($1) AND to_regclass($2) IS NULL AS mine`,
        [MAINTENANCE_LOCK, name],
      )
      if (rows[0]?.mine !== true) return null
      // Indexes come with the attachment, and so does the identity of id.
      await this.#client.query(
        `CREATE TABLE ${name} (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`,
      )
      let moved = 0
      if (hasDefault) {
        await this.#client.query('LOCK TABLE events_default IN ACCESS EXCLUSIVE MODE')
        const { rowCount } = await this.#client.query(
          `WITH moved AS (DELETE FROM events_default WHERE timestamp >= $1 AND timestamp < $2 RETURNING *)
           INSERT INTO ${name} SELECT * FROM moved`,
          [range.from, range.to],
        )
        moved = rowCount ?? 0
      }
      await this.#client.query(
        `ALTER TABLE events ATTACH PARTITION ${name} FOR VALUES ${boundsOf(range)}`,
      )
      return moved
    })
  }

  async #runPartman(): Promise<{
    readonly more: readonly string[]
    readonly dropped: readonly string[]
  }> {
    const before = await this.#partitions()
    await this.#transaction(() => runPartman(this.#client))
    const after = await this.#partitions()
    return {
      more: [...after].filter((name) => !before.has(name)),
      dropped: [...before].filter((name) => !after.has(name)),
    }
  }

  /** null where everything is kept. */
  #firstKept(now: Date): Range | null {
    const { interval, retain } = this.#options
    return retain === null ? null : rangeBeside(interval, rangeAt(interval, now), -retain)
  }

  async #dropPast(existing: ReadonlySet<string>, now: Date): Promise<readonly string[]> {
    const first = this.#firstKept(now)
    if (first === null) return []
    const oldestKept = partitionName(this.#options.interval, first)
    // Names of one interval sort as their ranges do.
    const past = [...existing]
      .filter((name) => /_\d{4}_/.test(name) && name < oldestKept)
      .toSorted()
    for (const name of past) {
      await this.#transaction(() => this.#client.query(`DROP TABLE IF EXISTS ${name}`))
    }
    return past
  }

  /** Rows past retention that lie in no partition of their own. Out: those of them that had waited for one. */
  async #deletePast(now: Date): Promise<number> {
    const first = this.#firstKept(now)
    if (first === null) return 0
    const { hasDefault, hasIdentities } = this.#options
    const tables = [
      ...(hasDefault ? ['events_default'] : []),
      ...(hasIdentities ? ['event_identities'] : []),
    ]
    let deletedRows = 0
    for (const table of tables) {
      const { rowCount } = await this.#client.query(`DELETE FROM ${table} WHERE timestamp < $1`, [
        first.from,
      ])
      if (table === 'events_default') deletedRows = rowCount ?? 0
    }
    return deletedRows
  }

  async #transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.#client.query(`BEGIN; SET LOCAL lock_timeout = ${String(LOCK_TIMEOUT_MS)}`)
    try {
      const done = await work()
      await this.#client.query('COMMIT')
      return done
    } catch (error) {
      // The first error is the one that tells; a rollback that fails only says that the connection is gone.
      await this.#client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}
