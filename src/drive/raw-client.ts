/**
 * HTTP/1.1 over plain sockets, one request in flight on each: 0.4 of the CPU that undici takes. In: exchanges. Out:
 * answers and losses. Connections that fail are opened again at a bounded rate.
 */
import type { Client, ClientOptions } from './client.ts'
import type { Exchange } from './request-writer.ts'
import { RawConnection } from './raw-connection.ts'

const RETRY_FIRST_MS = 10
const RETRY_MAX_MS = 250
const OPEN_TIMEOUT_MS = 5_000
/** The side that sends should be the one to close: an idle connection is given up this long before the server would. */
const KEEP_ALIVE_MARGIN_MS = 1_000

export class RawClient implements Client {
  readonly #options: ClientOptions
  readonly #all: RawConnection[] = []
  /** Last in, first out: the connections in use stay warm. */
  readonly #free: RawConnection[] = []
  readonly #connectionOf = new Map<Exchange, RawConnection>()
  #connectErrors = 0
  #bytesSent = 0
  #closed = false
  #whenOpen: (() => void) | null = null

  constructor(options: ClientOptions) {
    this.#options = options
    for (let k = 0; k < options.connections; k++) this.#all.push(this.#newConnection())
  }

  get connectErrors(): number {
    return this.#connectErrors
  }

  get bytesSent(): number {
    return this.#bytesSent
  }

  get refused(): boolean {
    return this.#all.every(({ state, refused }) => state === 'closed' && refused)
  }

  get refusedCode(): string {
    return this.#all.find(({ refused }) => refused)?.refusedCode ?? 'CLOSED'
  }

  async open(signal: AbortSignal): Promise<void> {
    for (const connection of this.#all) connection.connect()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, OPEN_TIMEOUT_MS)
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#whenOpen = null
        resolve()
      }
      signal.addEventListener('abort', done)
      this.#whenOpen = () => {
        if (this.#all.every(({ state }) => state !== 'connecting')) done()
      }
    })
  }

  place(): Exchange | null {
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      if (free.state === 'idle') return free.exchange
    }
    return null
  }

  send(exchange: Exchange): void {
    const connection = this.#connectionOf.get(exchange)
    if (connection === undefined) throw new Error('assertion failed: a place of this client')
    this.#bytesSent += connection.send()
  }

  sweep(): void {
    const nowMs = this.#options.nowMs()
    const { requestTimeoutMs } = this.#options
    for (const connection of this.#all) {
      const forMs = nowMs - connection.sinceMs
      switch (connection.state) {
        case 'busy':
          if (nowMs - connection.exchange.sentMs > requestTimeoutMs) connection.fail('TIMEOUT')
          break
        case 'connecting':
          if (forMs > Math.min(OPEN_TIMEOUT_MS, requestTimeoutMs)) connection.fail('TIMEOUT')
          break
        case 'idle':
          if (forMs > keptMs(connection.keepAliveS)) connection.fail('CLOSED')
          break
        case 'closed':
          if (nowMs >= connection.retryAtMs) connection.connect()
      }
    }
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#all) connection.fail('GIVEN_UP')
  }

  #newConnection(): RawConnection {
    const { url, events, nowMs } = this.#options
    const exchange = this.#options.newExchange()
    const connection = new RawConnection({
      url,
      exchange,
      events,
      nowMs,
      onState: (changed) => {
        this.#changed(changed)
      },
    })
    this.#connectionOf.set(exchange, connection)
    return connection
  }

  #changed(connection: RawConnection): void {
    if (this.#closed) return
    if (connection.state === 'idle') this.#free.push(connection)
    else this.#comeBack(connection)
    this.#whenOpen?.()
    this.#options.events.changed()
  }

  #comeBack(connection: RawConnection): void {
    if (connection.refused) this.#connectErrors++
    if (connection.failures === 0) {
      // It had answered: a server may close a connection whenever it likes.
      connection.connect()
      return
    }
    const waitMs = RETRY_FIRST_MS * 2 ** Math.min(10, connection.failures - 1)
    connection.retryAtMs = this.#options.nowMs() + Math.min(RETRY_MAX_MS, waitMs)
  }
}

/** How long a connection may be idle and still be used. */
function keptMs(keepAliveS: number | null): number {
  if (keepAliveS === null) return Infinity
  return Math.max(keepAliveS * 500, keepAliveS * 1_000 - KEEP_ALIVE_MARGIN_MS)
}
