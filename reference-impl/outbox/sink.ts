/**
 * The receiver that outbox delivers to: somebody else's service, as small as can be. In: POST /v1/deliveries/{consumer} with
 * an array of deliveries. Out: 200 once they are committed. It keeps every delivery it gets, repeats included, so that an
 * audit can count them; it never asks where they came from.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { messageOf } from '../../src/kit/errors.ts'
import { openPool } from '../service-kit/postgres/connection.ts'
import { logLine, stopAsked, takeConfig } from '../service-kit/process-life.ts'
import { RECEIVER_CONNECTIONS, insertDeliveries } from '../service-kit/outbox/receiver-schema.ts'

interface SinkConfig {
  readonly port: number
  readonly host?: string
  readonly addresses: { readonly database: PostgresAddress }
  readonly settings: { readonly consumers: number }
}

const LOOPBACK = '127.0.0.1'
/** More deliveries at once are refused: their sender keeps them and comes again. */
const REQUESTS_MAX = 256
const BODY_BYTES_MAX = 64 * 1_048_576
const STATEMENT_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 9_000
/** Data exception, integrity constraint violation: the rows are to blame. */
const BAD_DATA_CLASSES = ['22', '23']

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

class Receiver {
  readonly #pool: pg.Pool
  readonly #consumers: number
  #requests = 0

  constructor(pool: pg.Pool, consumers: number) {
    this.#pool = pool
    this.#consumers = consumers
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++
    try {
      await this.#take(request)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"taken"}')
    } catch (error) {
      const { status, message } = refusalOf(error)
      if (status >= 500) logLine(message)
      response.writeHead(status, { 'content-type': 'text/plain' }).end(message)
    } finally {
      this.#requests--
    }
  }

  async #take(request: IncomingMessage): Promise<void> {
    if (request.method === 'GET' && request.url === '/healthz') {
      await this.#pool.query('SELECT 1')
      return
    }
    const consumer = Number(/^\/v1\/deliveries\/(\d+)$/.exec(request.url ?? '')?.[1])
    if (request.method !== 'POST' || !(consumer >= 1 && consumer <= this.#consumers)) {
      throw new Refusal(404, 'no such consumer')
    }
    if (this.#requests > REQUESTS_MAX) throw new Refusal(503, 'too many deliveries at once')
    const body = await bodyOf(request)
    await this.#pool.query({
      name: `deliver-${String(consumer)}`,
      text: insertDeliveries(consumer),
      values: [body],
    })
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > BODY_BYTES_MAX) throw new Refusal(413, 'too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
  const isBad = BAD_DATA_CLASSES.includes(code.slice(0, 2))
  return new Refusal(isBad ? 422 : 503, messageOf(error))
}

async function serve(config: SinkConfig): Promise<void> {
  const stopped = stopAsked()
  const pool = openPool(config.addresses.database, {
    connections: RECEIVER_CONNECTIONS,
    name: 'outbox sink',
    log: logLine,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  await pool.query('SELECT 1')
  const receiver = new Receiver(pool, config.settings.consumers)
  const server = createServer((request, response) => {
    void receiver.answer(request, response)
  })
  const host = config.host ?? LOOPBACK
  server.listen(config.port, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  process.stdout.write(
    `${JSON.stringify({ ready: true, url: `http://${host}:${String(port)}` })}\n`,
  )
  await stopped
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  await closed
  await pool.end()
}

try {
  await serve((await takeConfig()) as SinkConfig)
  process.exit(0)
} catch (error) {
  logLine(messageOf(error))
  process.exit(1)
}
