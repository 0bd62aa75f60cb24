/**
 * A small HTTP/1.1 service whose every deed is decided by a test and logged by itself: what it received, answered and
 * stored, and when. Written on plain sockets, so that it can also answer wrongly.
 */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { MemoryRow } from '../audit/memory-store.ts'

export interface SentEvent {
  readonly organization_id: string
  readonly transaction_id: string
  readonly value: string | number
  readonly properties?: Readonly<Record<string, unknown>>
}

export interface Arrival {
  /** Order of arrival, over all connections. */
  readonly number: number
  readonly method: string
  readonly path: string
  readonly headers: string
  readonly events: readonly SentEvent[]
  /** Epoch ms. */
  readonly atMs: number
  readonly socket: Socket
}

/** Answers by writing to the socket; nothing is written for it. */
export type Behaviour = (arrival: Arrival, server: TruthServer) => void

export interface TruthServer extends AsyncDisposable {
  readonly url: string
  readonly arrivals: Arrival[]
  /** What this server keeps; behaviours push into it. */
  readonly stored: MemoryRow[]
  /** Moments in which it did nothing at all, whoever was guilty: epoch ms. */
  readonly freezes: { readonly fromMs: number; readonly toMs: number }[]
  readonly sockets: ReadonlySet<Socket>
}

const HEARTBEAT_MS = 2
/** A gap between heartbeats that is logged as a freeze. */
const FREEZE_MIN_MS = 20

export function epochNowMs(): number {
  return performance.timeOrigin + performance.now()
}

export function rowOf(event: SentEvent): MemoryRow {
  return {
    source: event.organization_id,
    id: event.transaction_id,
    value: Number(event.value),
  }
}

export function answerText(status: number, body: string, more = ''): string {
  const length = Buffer.byteLength(body)
  return `HTTP/1.1 ${status} Reason\r\nContent-Length: ${length}\r\n${more}\r\n${body}`
}

export function acceptedText(events: number): string {
  return answerText(200, JSON.stringify({ accepted: events, duplicate: 0, rejected: 0 }))
}

export const ackAndStore: Behaviour = ({ events, socket }, server) => {
  server.stored.push(...events.map(rowOf))
  socket.write(acceptedText(events.length))
}

export async function startTruthServer(behave: Behaviour): Promise<TruthServer> {
  const sockets = new Set<Socket>()
  const arrivals: Arrival[] = []
  const stored: MemoryRow[] = []
  const freezes: { fromMs: number; toMs: number }[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    readRequests(socket, (request) => {
      const arrival = { ...request, number: arrivals.length, atMs: epochNowMs(), socket }
      arrivals.push(arrival)
      behave(arrival, running)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let lastMs = epochNowMs()
  const heart = setInterval(() => {
    const nowMs = epochNowMs()
    if (nowMs - lastMs > FREEZE_MIN_MS) freezes.push({ fromMs: lastMs, toMs: nowMs })
    lastMs = nowMs
  }, HEARTBEAT_MS)
  const running: TruthServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrivals,
    stored,
    freezes,
    sockets,
    [Symbol.asyncDispose]: async () => {
      clearInterval(heart)
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return running
}

/** A parser of its own, independent of the driver's: requests with a content length, one after the other. */
function readRequests(
  socket: Socket,
  onRequest: (request: Pick<Arrival, 'method' | 'path' | 'headers' | 'events'>) => void,
): void {
  let pending = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    for (;;) {
      const head = pending.indexOf('\r\n\r\n')
      if (head < 0) return
      const headers = pending.toString('latin1', 0, head)
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(headers)?.[1] ?? 0)
      const end = head + 4 + length
      if (pending.length < end) return
      const [method = '', path = ''] = headers.split(' ', 2)
      const body: unknown = length === 0 ? [] : JSON.parse(pending.toString('utf8', head + 4, end))
      pending = pending.subarray(end)
      const events = (Array.isArray(body) ? body : [body]) as SentEvent[]
      onRequest({ method, path, headers, events })
    }
  })
}
