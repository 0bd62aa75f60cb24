/**
 * One socket with at most one request on it. In: an exchange whose bytes are written. Out: its answer, or that there
 * will be none. It never sends a request again.
 */
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { ClientEvents } from './client.ts'
import type { HttpResponse } from './http-response.ts'
import { ProtocolError } from './http-head.ts'
import { ResponseParser } from './http-response.ts'
import type { Exchange } from './request-writer.ts'

export interface RawConnectionOptions {
  readonly url: URL
  readonly exchange: Exchange
  readonly events: ClientEvents
  readonly nowMs: () => number
  /** After every change of `state`. */
  readonly onState: (connection: RawConnection) => void
}

export type ConnectionState = 'closed' | 'connecting' | 'idle' | 'busy'

/**
 * libuv reads and calls back before it reads another socket, so all connections share one buffer; whoever wants to
 * keep bytes longer copies them.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536)
const HTTP_PORT = 80

export class RawConnection {
  readonly exchange: Exchange
  state: ConnectionState = 'closed'
  /** Since when it is in this state. */
  sinceMs = 0
  /** Connections in a row that ended before they had answered anything. */
  failures = 0
  /** The last attempt did not even get a connection. */
  refused = false
  /** Why the last attempt did not: a system error's code. */
  refusedCode = 'CLOSED'
  retryAtMs = 0
  /** What the server says it keeps an idle connection for; null where it does not say. */
  keepAliveS: number | null = null
  readonly #options: RawConnectionOptions
  #socket: Socket | null = null
  #parser: ResponseParser
  #isAnswered = false
  #mayGoOn = false
  #errorCode: string | null = null

  constructor(options: RawConnectionOptions) {
    this.#options = options
    this.exchange = options.exchange
    this.#parser = this.#newParser()
  }

  connect(): void {
    const { url } = this.#options
    this.#parser = this.#newParser()
    this.#become('connecting')
    const socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? HTTP_PORT : Number(url.port),
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (bytes) => {
          if (socket === this.#socket) this.#read(bytes)
          return true
        },
      },
    })
    this.#socket = socket
    socket.once('connect', () => {
      if (socket !== this.#socket) return
      this.refused = false
      this.#become('idle')
      this.#options.onState(this)
    })
    socket.once('end', () => {
      if (socket === this.#socket) this.#ended()
    })
    // `close` follows and says all that is needed; without a listener an error would end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.#errorCode = error.code ?? null
    })
    socket.once('close', () => {
      if (socket === this.#socket) this.fail(this.#errorCode ?? 'CLOSED')
    })
  }

  /** @returns bytes handed to the socket */
  send(): number {
    const { exchange, events } = this.#options
    this.#isAnswered = false
    this.#become('busy')
    events.sending(exchange)
    this.#socket?.write(exchange.buffer.subarray(exchange.from, exchange.to))
    return exchange.to - exchange.from
  }

  /** Gives this connection up; a request on it stays without an answer, for the reason given. */
  fail(code: string): void {
    const { state } = this
    this.#socket?.destroy()
    this.#socket = null
    this.refused = state === 'connecting'
    if (this.refused) this.refusedCode = code
    this.#errorCode = null
    this.failures = this.#mayGoOn ? 0 : this.failures + 1
    this.#mayGoOn = false
    this.#become('closed')
    if (state === 'busy') this.#options.events.lost(this.exchange, { sent: true, code })
    this.#options.onState(this)
  }

  #ended(): void {
    // A body without a length ends here; anything else that was under way is cut off.
    if (this.state === 'busy') this.#parser.end()
    if (this.#isAnswered) this.state = 'idle'
    this.fail('CLOSED')
  }

  #read(bytes: number): void {
    try {
      if (this.state !== 'busy') throw new ProtocolError('bytes without a request')
      this.#parser.feed(READ_BUFFER, bytes)
      if (!this.#isAnswered) return
      if (!this.#parser.between) throw new ProtocolError('bytes behind the answer')
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      if (this.#isAnswered) this.state = 'idle'
      this.fail('BAD_ANSWER')
      return
    }
    this.#becomeFree()
  }

  #answered(response: HttpResponse): void {
    if (this.#isAnswered) throw new ProtocolError('two answers to one request')
    this.#isAnswered = true
    this.#mayGoOn = true
    this.failures = 0
    this.keepAliveS = this.#parser.keepAliveS
    this.#options.events.answered(this.exchange, response)
  }

  #becomeFree(): void {
    // An answer that came before the request was written whole leaves the rest of it in the way.
    const isClean = this.#parser.keepAlive && this.#socket?.writableLength === 0
    this.#become('idle')
    if (isClean) this.#options.onState(this)
    else this.fail('CLOSED')
  }

  #become(state: ConnectionState): void {
    this.state = state
    this.sinceMs = this.#options.nowMs()
  }

  #newParser(): ResponseParser {
    return new ResponseParser((response) => {
      this.#answered(response)
    })
  }
}
