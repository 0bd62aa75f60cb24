/**
 * The position of the log that a reader names to see his own write. In: the primary. Out: after a commit, a position at or
 * behind it. One statement serves all who ask while the one before it is under way.
 */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { clientConfig } from '../postgres/connection.ts'
import { within } from '../within.ts'

/**
 * Whoever was told of his commit finds it flushed, unless commits are not; and only what is flushed is sent: a position
 * beyond that might not be replayed before somebody else writes.
 */
const POSITION = `SELECT CASE WHEN $1 AND current_setting('synchronous_commit') <> 'off'
  THEN pg_current_wal_flush_lsn() ELSE pg_current_wal_insert_lsn() END AS lsn`
const TIMEOUT_MS = 1_000

export interface CommitTokensOptions {
  readonly name: string
  /** Whether every commit is, where the server's own setting does not say otherwise. */
  readonly flushed: boolean
  readonly log: (line: string) => void
}

export class CommitTokens implements AsyncDisposable {
  readonly #address: PostgresAddress
  readonly #options: CommitTokensOptions
  #client: pg.Client | null = null
  #asking: Promise<string | null> = Promise.resolve(null)
  /** Not sent yet: who comes now still finds his commit before it. */
  #next: Promise<string | null> | null = null

  constructor(address: PostgresAddress, options: CommitTokensOptions) {
    this.#address = address
    this.#options = options
  }

  /** Null where the primary does not tell: the write stands all the same. */
  afterCommit(): Promise<string | null> {
    this.#next ??= this.#asking.then(() => {
      this.#asking = this.#next ?? this.#asking
      this.#next = null
      return this.#ask()
    })
    return this.#next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#next ?? this.#asking)
    await this.#client?.end().catch(() => undefined)
  }

  async #ask(): Promise<string | null> {
    try {
      const client = this.#client ?? (await this.#connect())
      const { rows } = await within(
        TIMEOUT_MS,
        client.query<{ lsn: string }>({
          name: 'position',
          text: POSITION,
          values: [this.#options.flushed],
        }),
      )
      return rows[0]?.lsn ?? null
    } catch (error) {
      this.#options.log(`no consistency token: ${messageOf(error)}`)
      void this.#client?.end().catch(() => undefined)
      this.#client = null
      return null
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#address, `${this.#options.name} tokens`))
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    this.#client = client
    await client.connect()
    return client
  }
}
