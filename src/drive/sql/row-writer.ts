/** The bytes of a batch for a database. In: a request index. Out: its events as COPY text rows, in a reused buffer. */
import type { EventStream } from '../../shapes/stream.ts'
import type { Exchange, RequestSource } from '../request-writer.ts'

const NO_LINE = { method: 'POST', path: '', headers: {} } as const

export class RowWriter implements RequestSource {
  readonly #stream: EventStream
  readonly #batchEvents: number

  constructor({
    stream,
    batchEvents,
  }: {
    readonly stream: EventStream
    readonly batchEvents: number
  }) {
    this.#stream = stream
    this.#batchEvents = batchEvents
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
      bodyFrom: 0,
      to: 0,
      line: NO_LINE,
      lengthDigits: 0,
    }
  }

  eventsIn(request: number): number {
    return Math.min(this.#batchEvents, this.#stream.eventCount - request * this.#batchEvents)
  }

  write(exchange: Exchange): void {
    if (exchange.buffer.length === 0) {
      const bytes = this.#batchEvents * this.#stream.maxEventBytes
      exchange.buffer = Buffer.allocUnsafeSlow(bytes)
    }
    const first = exchange.request * this.#batchEvents
    let at = 0
    for (let item = 0; item < exchange.events; item++) {
      at = this.#stream.writeCopyRow(first + item, exchange.buffer, at)
    }
    exchange.to = at
  }
}
