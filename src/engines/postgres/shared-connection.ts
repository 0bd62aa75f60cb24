/**
 * One session that several readers take turns on, so that measuring costs one backend. It is opened on first use and
 * again after it broke (an engine restart, an aborted statement).
 */
import type { Client } from 'pg'
import type { PostgresAddress } from '../engine.ts'
import { close, connect, destroy } from './connection.ts'

export class SharedConnection implements AsyncDisposable {
  readonly #address: PostgresAddress
  #client: Client | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #busy = false
  #closed = false

  constructor(address: PostgresAddress) {
    this.#address = address
  }

  /** Runs `read` when its turn comes; an abort cuts the session, and with it the statement. */
  use<T>(signal: AbortSignal, read: (client: Client) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#read(signal, read))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whatever is still being read is not wanted any more; and a frozen server would never answer it.
    this.#closed = true
    if (this.#busy && this.#client !== null) destroy(this.#client)
    await this.#turn
    if (this.#client !== null) await close(this.#client)
    this.#client = null
  }

  async #read<T>(signal: AbortSignal, read: (client: Client) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.#closed) throw new Error('the connection was closed')
    const client = (this.#client ??= await connect(this.#address))
    const abort = (): void => {
      destroy(client)
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#busy = true
    try {
      return await read(client)
    } catch (error) {
      this.#client = null
      destroy(client)
      signal.throwIfAborted()
      throw error
    } finally {
      this.#busy = false
      signal.removeEventListener('abort', abort)
    }
  }
}
