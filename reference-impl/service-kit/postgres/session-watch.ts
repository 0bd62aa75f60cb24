/**
 * One session of the database that does nothing but end when the database does: idle connections behind a transaction pooler
 * notice nothing. In: an address for sessions. Out: told at once when it is lost, and when there is one again.
 */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { clientConfig } from './connection.ts'

export interface SessionWatchOptions {
  readonly name: string
  readonly onFound: () => void
  readonly onLost: () => void
}

const RETRY_MS = 200
/** From then on the kernel asks every second, ten times: a server that vanished without a word is lost too. */
const KEEP_ALIVE_DELAY_MS = 1_000
const ANSWER_TIMEOUT_MS = 5_000

export class SessionWatch implements AsyncDisposable {
  readonly #address: PostgresAddress
  readonly #options: SessionWatchOptions
  #client: pg.Client | null = null
  #isConnecting = false
  #isClosed = false
  #retry: NodeJS.Timeout | null = null

  private constructor(address: PostgresAddress, options: SessionWatchOptions) {
    this.#address = address
    this.#options = options
  }

  /** Rejects when the database cannot be reached. */
  static async open(address: PostgresAddress, options: SessionWatchOptions): Promise<SessionWatch> {
    const watch = new SessionWatch(address, options)
    await watch.#connect()
    watch.#retry = setInterval(() => {
      if (watch.#client === null && !watch.#isConnecting)
        void watch.#connect().catch(() => undefined)
    }, RETRY_MS).unref()
    return watch
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    if (this.#retry !== null) clearInterval(this.#retry)
    const client = this.#client
    this.#client = null
    await client?.end().catch(() => undefined)
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true
    const client = new pg.Client({
      ...clientConfig(this.#address, this.#options.name),
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
    })
    const session = { isOver: false }
    const over = (): void => {
      session.isOver = true
      this.#lose(client)
    }
    client.on('error', over)
    client.on('end', over)
    try {
      await client.connect()
      // A pooler answers for itself until it is asked for more; from then on its client ends with the server.
      await client.query('SELECT 1')
      if (session.isOver || this.#isClosed) throw new Error('the session ended at once')
      this.#client = client
      this.#options.onFound()
    } catch (error) {
      void client.end().catch(() => undefined)
      throw error
    } finally {
      this.#isConnecting = false
    }
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = null
    this.#options.onLost()
    void client.end().catch(() => undefined)
  }
}
