/** The bytes of a request. In: a request index. Out: an HTTP/1.1 POST of its events, written into a reused buffer. */
import type { EventStream } from '../shapes/stream.ts'
import { ingestPath, lowerCased } from './request-path.ts'

const HEAD_END = '\r\n\r\n'
/** Content-Length is written right-aligned in front of the body, so that the body can be written first. */
const LENGTH_DIGITS_MAX = 10
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const COMMA = 44

/** What a client that writes its own head needs of a request. */
export interface RequestLine {
  readonly method: 'POST' | 'PUT' | 'PATCH'
  readonly path: string
  /** Lower-cased names. */
  readonly headers: Readonly<Record<string, string>>
}

/** Where requests come from: the HTTP contract, or a template of the user's own. */
export interface RequestSource {
  newExchange(): Exchange
  eventsIn(request: number): number
  /** Writes the request that `exchange` names. */
  write(exchange: Exchange): void
}

/** One request on its way: kept by its connection until it is answered. */
export interface Exchange {
  request: number
  events: number
  segment: number
  dueMs: number
  sentMs: number
  buffer: Buffer
  /** The whole request is from…to, its body bodyFrom…to. */
  from: number
  bodyFrom: number
  to: number
  line: RequestLine
  /** Digits for which the head in front of the body is right; 0 when there is none yet. */
  lengthDigits: number
}

export interface RequestWriterOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly stream: EventStream
  readonly batchEvents: number
}

export class RequestWriter implements RequestSource {
  readonly #line: RequestLine
  readonly #headPrefix: Buffer
  readonly #stream: EventStream
  readonly #batchEvents: number
  readonly #bodyFrom: number

  constructor({ url, headers, stream, batchEvents }: RequestWriterOptions) {
    this.#line = {
      method: 'POST',
      path: ingestPath(url),
      headers: { 'content-type': 'application/json', ...lowerCased(headers) },
    }
    this.#headPrefix = Buffer.from(headPrefix(url, this.#line), 'latin1')
    this.#stream = stream
    this.#batchEvents = batchEvents
    this.#bodyFrom = this.#headPrefix.length + LENGTH_DIGITS_MAX + HEAD_END.length
  }

  newExchange(): Exchange {
    return {
      request: 0,
      events: 0,
      segment: 0,
      dueMs: 0,
      sentMs: 0,
      buffer: Buffer.alloc(0),
      from: 0,
      bodyFrom: this.#bodyFrom,
      to: 0,
      line: this.#line,
      lengthDigits: 0,
    }
  }

  eventsIn(request: number): number {
    return Math.min(this.#batchEvents, this.#stream.eventCount - request * this.#batchEvents)
  }

  write(exchange: Exchange): void {
    if (exchange.buffer.length === 0) exchange.buffer = Buffer.allocUnsafeSlow(this.#bytesMax())
    const { buffer } = exchange
    const stream = this.#stream
    const first = exchange.request * this.#batchEvents
    let at = this.#bodyFrom
    if (this.#batchEvents === 1) at = stream.writeJson(first, buffer, at)
    else {
      buffer[at++] = OPEN_ARRAY
      for (let item = 0; item < exchange.events; item++) {
        if (item > 0) buffer[at++] = COMMA
        at = stream.writeJson(first + item, buffer, at)
      }
      buffer[at++] = CLOSE_ARRAY
    }
    exchange.to = at
    this.#writeHead(exchange, at - this.#bodyFrom)
  }

  #bytesMax(): number {
    return this.#bodyFrom + this.#batchEvents * (this.#stream.maxEventBytes + 1) + 2
  }

  #writeHead(exchange: Exchange, bodyBytes: number): void {
    const digits = digitsOf(bodyBytes)
    const { buffer } = exchange
    const lengthAt = this.#bodyFrom - HEAD_END.length - digits
    if (exchange.lengthDigits !== digits) {
      exchange.lengthDigits = digits
      exchange.from = lengthAt - this.#headPrefix.length
      this.#headPrefix.copy(buffer, exchange.from)
      buffer.write(HEAD_END, this.#bodyFrom - HEAD_END.length, 'latin1')
    }
    for (let at = lengthAt + digits - 1, rest = bodyBytes; at >= lengthAt; at--) {
      buffer[at] = 48 + (rest % 10)
      rest = Math.floor(rest / 10)
    }
  }
}

/** Everything up to the digits of Content-Length. */
export function headPrefix(url: URL, { method, path, headers }: RequestLine): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}`
  return `${head}content-length: `
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
  return digits
}
