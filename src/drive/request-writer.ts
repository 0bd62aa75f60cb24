/** The bytes of a request. In: a request index. Out: an HTTP/1.1 POST of its events, written into a reused buffer. */
import type { EventStream } from '../shapes/stream.ts'
import { ingestPath, lowerCased } from './request-path.ts'

const HEAD_END = '\r\n\r\n'
/** Content-Length is written right-aligned in front of the body, so that the body can be written first. */
const LENGTH_DIGITS_MAX = 10
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const COMMA = 44

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
  /** Digits for which the head in front of the body is right; 0 when there is none yet. */
  lengthDigits: number
}

export interface RequestWriterOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly stream: EventStream
  readonly batchEvents: number
}

export class RequestWriter {
  readonly #headPrefix: Buffer
  readonly #stream: EventStream
  readonly #batchEvents: number
  readonly #bodyFrom: number

  constructor({ url, headers, stream, batchEvents }: RequestWriterOptions) {
    this.#headPrefix = Buffer.from(headPrefix(url, headers), 'latin1')
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
      lengthDigits: 0,
    }
  }

  eventsIn(request: number): number {
    return Math.min(this.#batchEvents, this.#stream.eventCount - request * this.#batchEvents)
  }

  /** Writes the request that `exchange` names. */
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

function headPrefix(url: URL, headers: Readonly<Record<string, string>>): string {
  const all = { 'content-type': 'application/json', ...lowerCased(headers) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${ingestPath(url)} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}`
  return `${head}content-length: `
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
  return digits
}
