/**
 * One connection that the harness's readers share, so that measuring costs one client. It is opened on first use and again
 * after it broke.
 */
import type { Redis } from 'ioredis'
import type { RedisAddress } from './address.ts'
import { openRedis } from './connection.ts'

export class RedisReading implements AsyncDisposable {
  readonly #address: RedisAddress
  #redis: Redis | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(address: RedisAddress) {
    this.#address = address
  }

  /** Runs `read` when its turn comes; an abort cuts the connection. */
  use<T>(signal: AbortSignal, read: (redis: Redis) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#read(signal, read))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A frozen server would never answer what is still asked.
    this.#closed = true
    this.#redis?.disconnect()
    await this.#turn
    this.#redis?.disconnect()
    this.#redis = null
  }

  async #read<T>(signal: AbortSignal, read: (redis: Redis) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.#closed) throw new Error('the connection was closed')
    // The server was started again since.
    if (this.#redis?.status === 'end') this.#redis = null
    const redis = (this.#redis ??= await openRedis(this.#address))
    const abort = (): void => {
      redis.disconnect()
    }
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await read(redis)
    } catch (error) {
      this.#redis = null
      redis.disconnect()
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
