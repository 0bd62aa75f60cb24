/**
 * The compatibility client: undici's pool, for TLS and whatever a user's own service needs of a grown-up client. In:
 * exchanges. Out: answers and losses, with the same meaning as the raw client's.
 */
import type { Dispatcher } from 'undici'
import { Pool } from 'undici'
import type { Client, ClientOptions } from './client.ts'
import type { Exchange } from './request-writer.ts'

export interface UndiciClientOptions extends ClientOptions {
  /** PEM of the authority to believe at an https address; null: those the system trusts. */
  readonly ca: string | null
}

const NO_ADDRESS = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])
const REFUSED_FOR_MS = 50

export class UndiciClient implements Client {
  readonly #options: UndiciClientOptions
  readonly #pool: Pool
  readonly #free: Exchange[] = []
  readonly #busy = new Map<Exchange, ExchangeHandler>()
  #refusedUntilMs = -1
  #refusedCode = 'CLOSED'
  #connectErrors = 0
  #bytesSent = 0

  constructor(options: UndiciClientOptions) {
    this.#options = options
    this.#pool = new Pool(options.url.origin, {
      connections: options.connections,
      pipelining: 1,
      // Timeouts are ours, counted from the moment of sending; undici's timers tick in half seconds.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: Math.min(5_000, options.requestTimeoutMs),
        rejectUnauthorized: true,
        ...(options.ca === null ? {} : { ca: options.ca }),
      },
    })
    for (let k = 0; k < options.connections; k++) this.#free.push(options.newExchange())
  }

  get connectErrors(): number {
    return this.#connectErrors
  }

  get bytesSent(): number {
    return this.#bytesSent
  }

  /** For a moment after a refusal nothing is tried: a refused address is not hammered at the request rate. */
  get refused(): boolean {
    return this.#busy.size === 0 && this.#options.nowMs() < this.#refusedUntilMs
  }

  get refusedCode(): string {
    return this.#refusedCode
  }

  /** undici opens connections as it needs them. */
  open(): Promise<void> {
    return Promise.resolve()
  }

  place(): Exchange | null {
    return this.#free.pop() ?? null
  }

  send(exchange: Exchange): void {
    const handler = new ExchangeHandler(exchange, this.#options, (refusedCode) => {
      this.#busy.delete(exchange)
      this.#free.push(exchange)
      if (refusedCode !== null) {
        this.#connectErrors++
        this.#refusedCode = refusedCode
        this.#refusedUntilMs = this.#options.nowMs() + REFUSED_FOR_MS
      }
      this.#options.events.changed()
    })
    this.#busy.set(exchange, handler)
    this.#bytesSent += exchange.to - exchange.from
    this.#pool.dispatch(
      {
        method: exchange.line.method,
        path: exchange.line.path,
        headers: exchange.line.headers,
        body: exchange.buffer.subarray(exchange.bodyFrom, exchange.to),
      },
      handler,
    )
  }

  sweep(): void {
    const sentBeforeMs = this.#options.nowMs() - this.#options.requestTimeoutMs
    for (const [exchange, handler] of [...this.#busy]) {
      if (handler.isSent && exchange.sentMs < sentBeforeMs) handler.abandon('TIMEOUT')
    }
  }

  close(): void {
    for (const handler of [...this.#busy.values()]) handler.abandon('GIVEN_UP')
    this.#pool.destroy().catch(() => undefined)
  }
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  isSent = false
  readonly #exchange: Exchange
  readonly #options: UndiciClientOptions
  /** With the code of the error where no connection was to be had. */
  readonly #free: (refusedCode: string | null) => void
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #chunks: Buffer[] = []
  #isOver = false

  constructor(
    exchange: Exchange,
    options: UndiciClientOptions,
    free: (refusedCode: string | null) => void,
  ) {
    this.#exchange = exchange
    this.#options = options
    this.#free = free
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) {
      controller.abort(new Error('given up'))
      return
    }
    this.isSent = true
    this.#options.events.sending(this.#exchange)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.#isOver) return
    this.#isOver = true
    const [only] = this.#chunks
    const buffer =
      this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks)
    this.#options.events.answered(this.#exchange, {
      status: this.#status,
      buffer,
      from: 0,
      to: buffer.length,
    })
    this.#free(null)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const code = (error as NodeJS.ErrnoException).code ?? 'CLOSED'
    this.#lose(code, !this.isSent && NO_ADDRESS.has(code) ? code : null)
  }

  /** The time is up: whatever comes later is not listened to. */
  abandon(code: string): void {
    this.#lose(code, null)
    this.#controller?.abort(new Error('given up'))
  }

  #lose(code: string, refusedCode: string | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.events.lost(this.#exchange, { sent: this.isSent, code })
    this.#free(refusedCode)
  }
}
