/**
 * The outbox as its workers use it. In: a pool of connections and settings. Out: claimed rows, and what becomes of them.
 * Every change names the token of the claim: a worker whose lease has passed to another changes nothing.
 */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { claimsOf, rotationsOf, type Claims, type Rotation } from './claims.ts'
import type { OutboxSettings } from './settings.ts'

export interface OutboxRow {
  /** As text: PostgreSQL's bigint. */
  readonly id: string
  readonly payload: string
  /** This claim included. */
  readonly attempts: number
}

export interface Claim {
  readonly consumer: number
  readonly token: string
  readonly rows: readonly OutboxRow[]
  /** By performance.now(): until then the rows are this worker's, whatever the server's clock says. */
  readonly leaseEndsMs: number
}

type Rows = readonly Pick<OutboxRow, 'id'>[]

/** Whoever inserts or claims in a partition waits behind the one who wants it alone: that must not take long. */
const ROTATION_LOCK_TIMEOUT = '50ms'
const LOCK_NOT_AVAILABLE = '55P03'

export class OutboxQueue {
  readonly #pool: pg.Pool
  readonly #settings: OutboxSettings
  readonly #claims: Claims
  readonly #rotations: readonly Rotation[]

  constructor(pool: pg.Pool, settings: OutboxSettings) {
    this.#pool = pool
    this.#settings = settings
    this.#claims = claimsOf(settings)
    this.#rotations = rotationsOf(settings)
  }

  async claim(consumer: number): Promise<Claim> {
    const { claimRowsMax, leaseMs } = this.#settings
    const token = randomUUID()
    // Before it is asked for: the server's lease begins later, so it ends later.
    const leaseEndsMs = performance.now() + leaseMs
    const { rows } = await this.#pool.query<OutboxRow>(this.#claims.claim, [
      consumer,
      claimRowsMax,
      leaseMs,
      token,
    ])
    // RETURNING keeps no order, and receivers are best served in the order of ids.
    return { consumer, token, rows: rows.sort((a, b) => Number(a.id) - Number(b.id)), leaseEndsMs }
  }

  /** @returns how many were still this claim's */
  complete(claim: Claim, rows: Rows): Promise<number> {
    return this.#change(this.#claims.complete, [claim, rows])
  }

  /** Back into the queue. `attemptsBack`: 1 where the row was not to blame. */
  release(
    claim: Claim,
    rows: Rows,
    how: { readonly delayMs: number; readonly attemptsBack: 0 | 1 },
  ): Promise<number> {
    return this.#change(this.#claims.release, [claim, rows], [how.delayMs, how.attemptsBack])
  }

  /** To the dead letters: nobody tries them again. */
  bury(claim: Claim, rows: Rows, because: string): Promise<number> {
    return this.#change(this.#claims.bury, [claim, rows], [because])
  }

  /** @returns rows whose lease was over; 0 where a claim takes those by itself */
  async reap(consumer: number): Promise<number> {
    if (this.#claims.reap === null) return 0
    const { rowCount } = await this.#pool.query(this.#claims.reap, [consumer])
    return rowCount ?? 0
  }

  /** Truncates the partitions in which nothing is open. @returns how many; a busy one is left for the next time */
  async rotate(): Promise<number> {
    let truncated = 0
    for (const rotation of this.#rotations) {
      const { rows } = await this.#pool.query<{ ready: boolean }>(rotation.ready)
      if (rows[0]?.ready === true && (await this.#truncate(rotation))) truncated++
    }
    return truncated
  }

  async #truncate(rotation: Rotation): Promise<boolean> {
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(`SET LOCAL lock_timeout = '${ROTATION_LOCK_TIMEOUT}'`)
      await client.query(rotation.lock)
      const { rows } = await client.query<{ empty: boolean }>(rotation.isDone)
      const isDone = rows[0]?.empty === true
      if (isDone) await client.query(rotation.truncate)
      await client.query('COMMIT')
      client.release()
      return isDone
    } catch (error) {
      const isBusy = codeOf(error) === LOCK_NOT_AVAILABLE
      await client.query('ROLLBACK').catch(() => undefined)
      client.release(!isBusy)
      if (isBusy) return false
      throw new Error(`${rotation.partition} could not be truncated`, { cause: error })
    }
  }

  async #change(
    text: string,
    [claim, rows]: readonly [Claim, Rows],
    more: readonly (string | number)[] = [],
  ): Promise<number> {
    if (rows.length === 0) return 0
    const ids = `{${rows.map(({ id }) => id).join(',')}}`
    const { rowCount } = await this.#pool.query(text, [claim.consumer, ids, claim.token, ...more])
    return rowCount ?? 0
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null
}
