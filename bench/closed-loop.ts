/** The raw client kept busy: every connection sends its next request as soon as it has an answer. CPU of this process. */
import { AckReader } from '../src/drive/ack.ts'
import type { ClientEvents } from '../src/drive/client.ts'
import { RawClient } from '../src/drive/raw-client.ts'
import type { Exchange } from '../src/drive/request-writer.ts'
import { Histogram } from '../src/kit/histogram.ts'

export interface ClosedLoopOptions {
  readonly url: URL
  readonly connections: number
  readonly requests: number
  /** A whole request as it goes over the wire. */
  readonly bytes: Buffer
}

/** @returns CPU of this process per request, µs */
export async function rawClosedLoopUs(options: ClosedLoopOptions): Promise<number> {
  const { url, connections, requests, bytes } = options
  const acks = new AckReader()
  const latency = new Histogram()
  let sent = 0
  let answered = 0
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const clients: RawClient[] = []
  const fill = (): void => {
    const [client] = clients
    for (let place = client?.place(); place; place = client?.place()) {
      if (sent >= requests) return
      sent++
      client?.send(place)
    }
  }
  const events: ClientEvents = {
    sending: (exchange) => {
      exchange.sentMs = performance.now()
    },
    answered: (exchange, answer) => {
      latency.record((performance.now() - exchange.sentMs) * 1_000)
      acks.read(answer, 1)
      if (++answered === requests) finish()
    },
    lost: () => {
      throw new Error('the bench lost a request: the target closed a connection')
    },
    changed: () => {
      if (sent > 0) fill()
    },
  }
  const nowMs = (): number => performance.now()
  const newExchange = (): Exchange => exchangeOf(bytes)
  const client = new RawClient({
    url,
    connections,
    requestTimeoutMs: 60_000,
    newExchange,
    events,
    nowMs,
  })
  await client.open(AbortSignal.timeout(5_000))
  clients.push(client)
  const before = process.cpuUsage()
  fill()
  await finished
  const { user, system } = process.cpuUsage(before)
  client.close()
  return (user + system) / requests
}

function exchangeOf(bytes: Buffer): Exchange {
  return {
    request: 0,
    events: 1,
    segment: 0,
    dueMs: 0,
    sentMs: 0,
    buffer: bytes,
    from: 0,
    bodyFrom: 0,
    to: bytes.length,
    line: { method: 'POST', path: '/', headers: {} },
    lengthDigits: 0,
  }
}
