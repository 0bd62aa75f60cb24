/**
 * The seam between the open loop and the way requests travel. A client has a fixed number of places, one request in
 * flight in each; it never queues and never sends a request twice: what waits, waits in the loop with its due time.
 */
import type { Answered } from './ack.ts'
import type { Exchange } from './request-writer.ts'

export interface ClientEvents {
  /** The first byte is about to be handed to the socket; sets `sentMs`. */
  sending(exchange: Exchange): void
  answered(exchange: Exchange, answer: Answered): void
  /** No answer will come. */
  lost(exchange: Exchange, lost: Lost): void
  /** A place is free again, or there is no longer any hope for one. */
  changed(): void
}

export interface Lost {
  /** Bytes may have reached the service, so what became of it is unknown. */
  readonly sent: boolean
  /** The other side has said no: nothing of it was kept. */
  readonly refused?: boolean
  /** A system error's code, or TIMEOUT, CLOSED, BAD_ANSWER, GIVEN_UP. */
  readonly code: string
}

export interface ClientOptions {
  readonly url: URL
  readonly connections: number
  readonly requestTimeoutMs: number
  readonly newExchange: () => Exchange
  readonly events: ClientEvents
  /** Milliseconds of `performance.now()`; also tells how old a request is. */
  readonly nowMs: () => number
}

export interface Client {
  /** Opens what can be opened beforehand; an unreachable service is not an error here. */
  open(signal: AbortSignal): Promise<void>
  /** A place for one more request, to be filled and given to `send`; null when all are taken. */
  place(): Exchange | null
  send(exchange: Exchange): void
  /** Nobody answers at the address: a request due now cannot be sent. */
  readonly refused: boolean
  /** Why the last attempt to get a connection failed: a system error's code. */
  readonly refusedCode: string
  /** Ends requests that are older than the timeout; called every few milliseconds. */
  sweep(): void
  /** Ends everything at once; outstanding requests are reported as lost. */
  close(): void
  readonly connectErrors: number
  readonly bytesSent: number
}
