/**
 * How much waits in the outbox and for how long, and the answer to Q11. In: a pool and settings. Out: lines for the service's
 * /metrics page, read anew every second: a worker that is down cannot say what it leaves undone, the service can.
 */
import type pg from 'pg'
import { messageOf } from '../../../src/kit/errors.ts'
import { family } from '../metrics-text.ts'
import { askStatement } from '../postgres/ask.ts'
import type { Freshness, Query, QueryAnswer } from '../reads.ts'
import { claimsOf, type Claims } from './claims.ts'
import type { OutboxSettings } from './settings.ts'

const EVERY_MS = 1_000
const DEAD = 'SELECT consumer, count(*)::float8 AS dead FROM outbox_dead GROUP BY consumer'

interface ConsumerState {
  pending: number
  oldestS: number
  dead: number
}

export class OutboxWatch implements AsyncDisposable {
  readonly #pool: pg.Pool
  readonly #settings: OutboxSettings
  readonly #claims: Claims
  readonly #timer: NodeJS.Timeout
  #states: readonly ConsumerState[] = []
  #looking: Promise<void> | null = null

  constructor(pool: pg.Pool, settings: OutboxSettings, log: (line: string) => void) {
    this.#pool = pool
    this.#settings = settings
    this.#claims = claimsOf(settings)
    this.#timer = setInterval(() => {
      // A look that takes longer than a second is not joined by a second one.
      this.#looking ??= this.#look()
        .catch((error: unknown) => {
          this.#states = []
          log(`the outbox cannot be looked at: ${messageOf(error)}`)
        })
        .finally(() => {
          this.#looking = null
        })
    }, EVERY_MS).unref()
  }

  /** Nothing at all before the first look, and while the database does not answer: an old figure would be a wrong one. */
  lines(): readonly string[] {
    if (this.#states.length === 0) return []
    const perConsumer = (
      name: string,
      help: string,
      of: (state: ConsumerState) => number,
    ): readonly string[] =>
      family(name, help, {
        type: 'gauge',
        values: this.#states.map((state, index) => [
          `{consumer="${String(index + 1)}"}`,
          of(state),
        ]),
      })
    return [
      ...perConsumer('headroom_outbox_pending_rows', 'Rows not delivered.', (one) => one.pending),
      ...perConsumer(
        'headroom_outbox_oldest_pending_seconds',
        'Age of the oldest of them.',
        (one) => one.oldestS,
      ),
      ...perConsumer('headroom_outbox_dead_rows', 'Rows given up.', (one) => one.dead),
    ]
  }

  /** Age of the oldest row that waits for this consumer, now; 0 where none does. */
  async oldestPendingS(consumer: number): Promise<number> {
    return (await this.#read())[consumer - 1]?.oldestS ?? 0
  }

  async q11(query: Pick<Query, 'explain'>): Promise<QueryAnswer> {
    const { consumers, claimRowsMax } = this.#settings
    const statement = { text: this.#claims.q11, values: [consumers, claimRowsMax] }
    return { ...(await askStatement(this.#pool, statement, query)), freshness: QUEUE }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    this.#states = await this.#read()
  }

  async #read(): Promise<readonly ConsumerState[]> {
    const states = Array.from({ length: this.#settings.consumers }, (): ConsumerState => ({
      pending: 0,
      oldestS: 0,
      dead: 0,
    }))
    const open = await this.#pool.query<Record<'consumer' | 'pending' | 'oldest_s', number>>(
      this.#claims.state,
    )
    for (const row of open.rows) {
      const state = states[row.consumer - 1]
      if (state !== undefined) Object.assign(state, { pending: row.pending, oldestS: row.oldest_s })
    }
    const dead = await this.#pool.query<Record<'consumer' | 'dead', number>>(DEAD)
    for (const row of dead.rows) {
      const state = states[row.consumer - 1]
      if (state !== undefined) state.dead = row.dead
    }
    return states
  }
}

const QUEUE: Freshness = {
  source: 'postgres.outbox',
  lagS: 0,
  consistency: 'strong',
  stale: false,
}
