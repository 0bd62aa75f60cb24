/**
 * The life of a worker. In: its configuration, and how its sink is opened. Out: one ready line on stdout, a /metrics page,
 * and rows on their way until it is asked to stop; what is in delivery then is settled first, within a bound.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { openPool } from '../postgres/connection.ts'
import { logLine, stopAsked, takeConfig } from '../process-life.ts'
import { Listener } from './listener.ts'
import { OutboxQueue } from './queue.ts'
import { Relay } from './relay.ts'
import { RelayMeters } from './relay-meters.ts'
import type { OutboxSettings } from './settings.ts'
import type { Sink } from './sink.ts'

export interface OutboxAddresses {
  readonly database: PostgresAddress
  /** Where a session stays one: LISTEN does not work through a transaction pooler. */
  readonly session: PostgresAddress
}

export interface WorkerConfig<Addresses extends OutboxAddresses> {
  /** 0 takes any free port. */
  readonly port: number
  readonly host?: string
  /** Secrets may be inside: never logged. */
  readonly addresses: Addresses
  readonly settings: OutboxSettings
}

const LOOPBACK = '127.0.0.1'
/** Below the ten seconds after which the harness kills. */
const STOP_TIMEOUT_MS = 9_000
const STATEMENT_TIMEOUT_MS = 30_000
const ROTATIONS_PER_PERIOD = 4

/** Runs until stopped; ends the process. Exit code 0 after a clean stop, 1 when it could not start or finish. */
export async function runOutboxWorker<Addresses extends OutboxAddresses>(
  name: string,
  openSink: (config: WorkerConfig<Addresses>) => Sink,
): Promise<void> {
  try {
    const config = (await takeConfig()) as WorkerConfig<Addresses>
    await work(name, config, openSink(config))
    process.exit(0)
  } catch (error) {
    logLine(messageOf(error))
    process.exit(1)
  }
}

async function work<Addresses extends OutboxAddresses>(
  name: string,
  { addresses, settings, ...where }: WorkerConfig<Addresses>,
  sink: Sink,
): Promise<void> {
  const stopped = stopAsked()
  const meters = new RelayMeters()
  const pool = openPool(addresses.database, {
    connections: settings.concurrency,
    name: `${name} worker`,
    log: logLine,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  // A worker that cannot reach its database at the start says so by not starting.
  await pool.query('SELECT 1')
  const queue = new OutboxQueue(pool, settings)
  const relays = Array.from(
    { length: settings.consumers },
    (_, index) =>
      new Relay({ consumer: index + 1, queue, sink, settings, meter: meters, log: logLine }),
  )
  const stopping = new AbortController()
  const running = Promise.all([
    ...relays.map((relay) => relay.run(stopping.signal)),
    keepRotating(queue, settings, stopping.signal),
  ])
  const listener = openListener(name, { addresses, settings, relays })
  const server = pagesServer(meters)
  const host = where.host ?? LOOPBACK
  server.listen(where.port, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  process.stdout.write(
    `${JSON.stringify({ ready: true, url: `http://${host}:${String(port)}` })}\n`,
  )

  await stopped
  setTimeout(() => {
    logLine(`deliveries were still under way ${String(STOP_TIMEOUT_MS)} ms after the stop`)
    process.exit(1)
  }, STOP_TIMEOUT_MS).unref()
  stopping.abort()
  await running
  await listener?.[Symbol.asyncDispose]()
  await sink[Symbol.asyncDispose]()
  await pool.end()
}

function openListener(
  name: string,
  by: {
    readonly addresses: OutboxAddresses
    readonly settings: OutboxSettings
    readonly relays: readonly Relay[]
  },
): Listener | null {
  if (by.settings.wake === 'poll') return null
  return new Listener(by.addresses.session, {
    name,
    onWake: () => {
      for (const relay of by.relays) relay.waker.wake()
    },
    log: logLine,
  })
}

/** Every worker tries; a partition that one of them has emptied is not worth the lock to the others. */
async function keepRotating(
  queue: OutboxQueue,
  { completion, rotateS }: OutboxSettings,
  signal: AbortSignal,
): Promise<void> {
  if (completion !== 'rotate') return
  while (!signal.aborted) {
    try {
      await queue.rotate()
    } catch (error) {
      logLine(`no rotation this time: ${messageOf(error)}`)
    }
    const pauseMs = (rotateS * 1_000) / ROTATIONS_PER_PERIOD
    await delay(pauseMs, undefined, { signal }).catch(() => undefined)
  }
}

function pagesServer(meters: RelayMeters): ReturnType<typeof createServer> {
  return createServer((request, response) => {
    switch (request.url) {
      case '/metrics':
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
        response.end(`${meters.lines().join('\n')}\n`)
        return
      case '/healthz':
        // It lives: what it waits for, it says in its log, and a restart would not bring it.
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}')
        return
      default:
        response.writeHead(404, { 'content-type': 'text/plain' }).end('no such route\n')
    }
  })
}
