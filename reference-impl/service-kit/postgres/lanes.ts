/**
 * A fixed number of PostgreSQL connections, handed out without waiting. Who commits in groups already knows that a
 * connection is free, so this has no queue: it opens, keeps and replaces.
 */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { clientConfig } from './connection.ts'

export interface LanesOptions {
  readonly name: string
  readonly log: (line: string) => void
  /** A connection broke, or none could be opened: the database may have been away. */
  readonly onBroken?: () => void
}

export class Lanes implements AsyncDisposable {
  readonly #address: PostgresAddress
  readonly #options: LanesOptions
  readonly #idle: pg.Client[] = []

  constructor(address: PostgresAddress, options: LanesOptions) {
    this.#address = address
    this.#options = options
  }

  /** Opens connections ahead, so that the first requests do not pay for it. Rejects when one fails. */
  async open(connections: number): Promise<void> {
    const clients = await Promise.all(Array.from({ length: connections }, () => this.#connect()))
    this.#idle.push(...clients)
  }

  /** An idle connection, or null where `connect` has to open one. */
  takeIdle(): pg.Client | null {
    return this.#idle.pop() ?? null
  }

  connect(): Promise<pg.Client> {
    return this.#connect()
  }

  giveBack(client: pg.Client): void {
    this.#idle.push(client)
  }

  /** For a connection that may still be at work: only a new one starts clean. */
  discard(client: pg.Client): void {
    void client.end().catch(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((client) => client.end()))
  }

  async #connect(): Promise<pg.Client> {
    const { name, log, onBroken } = this.#options
    const client = new pg.Client(clientConfig(this.#address, name))
    client.on('error', (error) => {
      // It broke while idle; while it worked, its query rejects as well and the writer discards it.
      const at = this.#idle.indexOf(client)
      if (at >= 0) this.#idle.splice(at, 1)
      onBroken?.()
      log(`a connection broke: ${error.message}`)
    })
    try {
      await client.connect()
    } catch (error) {
      onBroken?.()
      this.discard(client)
      throw error
    }
    return client
  }
}
