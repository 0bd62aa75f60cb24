/**
 * One session that several readers take turns on, so that measuring costs one backend. It is opened on first use and
 * again after it broke (an engine restart, an aborted statement). Where it may not wait for locks, each turn is one
 * transaction that says so: a session behind a pooler is left as it was.
 */
import type { Client } from 'pg'
import type { PostgresAddress } from '../engine.ts'
import { close, connect, destroy } from './connection.ts'
import { sqlStateOf } from './sql-state.ts'

const LOCK_NOT_AVAILABLE = '55P03'

export class SharedConnection implements AsyncDisposable {
  readonly #address: PostgresAddress
  #client: Client | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #busy = false
  #closed = false

  readonly #lockTimeoutMs: number | undefined

  /** @param limits `lockTimeoutMs`: a statement that waits longer for a lock fails; absent: it waits */
  constructor(address: PostgresAddress, limits: { readonly lockTimeoutMs?: number } = {}) {
    this.#address = address
    this.#lockTimeoutMs = limits.lockTimeoutMs
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
      if (this.#lockTimeoutMs === undefined) return await read(client)
      await client.query(`BEGIN READ ONLY; SET LOCAL lock_timeout = ${String(this.#lockTimeoutMs)}`)
      const answer = await read(client)
      await client.query('COMMIT')
      return answer
    } catch (error) {
      if (sqlStateOf(error) === LOCK_NOT_AVAILABLE && (await rolledBack(client))) throw error
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

/** A new session would plan its first statements from cold caches, and tell that as the time to plan. */
async function rolledBack(client: Client): Promise<boolean> {
  return await client.query('ROLLBACK').then(
    () => true,
    () => false,
  )
}
