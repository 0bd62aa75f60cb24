/**
 * LISTEN on a connection of its own, opened again when it breaks. In: an address that keeps sessions apart (no transaction
 * pooler). Out: a call per notification, and one per new connection, since nobody knows what was missed meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { clientConfig } from '../postgres/connection.ts'
import { CHANNEL } from './schema.ts'

export interface ListenerOptions {
  readonly name: string
  readonly onWake: () => void
  readonly log: (line: string) => void
}

const AGAIN_AFTER_MS = 500

export class Listener implements AsyncDisposable {
  readonly #address: PostgresAddress
  readonly #options: ListenerOptions
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #client: pg.Client | null = null

  constructor(address: PostgresAddress, options: ListenerOptions) {
    this.#address = address
    this.#options = options
    this.#running = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#client?.end().catch(() => undefined)
    await this.#running
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#listen()
      } catch (error) {
        log(`nobody is notified for the moment, the poll goes on: ${messageOf(error)}`)
      }
      await delay(AGAIN_AFTER_MS, undefined, { signal: this.#stopping.signal }).catch(
        () => undefined,
      )
    }
  }

  /** Resolves or rejects when the connection ends. */
  async #listen(): Promise<void> {
    const { name, onWake } = this.#options
    const client = new pg.Client(clientConfig(this.#address, `${name} listen`))
    this.#client = client
    const ended = new Promise<void>((resolve, reject) => {
      client.once('end', resolve).once('error', reject)
    })
    // It may break before anybody waits for its end.
    ended.catch(() => undefined)
    try {
      await client.connect()
      client.on('notification', onWake)
      await client.query(`LISTEN ${CHANNEL}`)
      onWake()
      await ended
    } finally {
      client.on('error', () => undefined)
      await client.end().catch(() => undefined)
    }
  }
}
