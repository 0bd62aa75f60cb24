/** The flusher process of eav: staged rows to the time series, and a /metrics page of what waits and what was moved. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { messageOf } from '../../src/kit/errors.ts'
import { logLine, stopAsked, takeConfig } from '../service-kit/process-life.ts'
import { Flusher, type FlusherSettings } from '../service-kit/eav/flusher.ts'
import { ViewRefresher } from '../service-kit/eav/view-refresher.ts'
import { StagingWatch } from '../service-kit/eav/staging-watch.ts'

interface WorkerConfig {
  /** 0 takes any free port. */
  readonly port: number
  readonly host?: string
  /** Secrets may be inside: never logged. */
  readonly addresses: { readonly database: PostgresAddress }
  readonly settings: FlusherSettings & {
    /** Null: there is no view. */
    readonly viewRefreshMs: number | null
  }
}

const LOOPBACK = '127.0.0.1'
/** Below the ten seconds after which the harness kills. */
const STOP_TIMEOUT_MS = 9_000

try {
  await work((await takeConfig()) as WorkerConfig)
  process.exit(0)
} catch (error) {
  logLine(messageOf(error))
  process.exit(1)
}

async function work({ addresses, settings, ...where }: WorkerConfig): Promise<void> {
  const stopped = stopAsked()
  const flusher = new Flusher(addresses.database, settings, logLine)
  await flusher.open()
  const watch = new StagingWatch(addresses.database, logLine)
  const stopping = new AbortController()
  const { viewRefreshMs } = settings
  const view =
    viewRefreshMs === null ? null : new ViewRefresher(addresses.database, viewRefreshMs, logLine)
  const running = Promise.all([flusher.run(stopping.signal), view?.run(stopping.signal)])
  const server = pagesServer(() => [...watch.lines(flusher.meter), ...(view?.lines() ?? [])])
  const host = where.host ?? LOOPBACK
  server.listen(where.port, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://${host}:${String(port)}`
  process.stdout.write(`${JSON.stringify({ ready: true, url })}\n`)

  await stopped
  setTimeout(() => {
    logLine(`a flush was still under way ${String(STOP_TIMEOUT_MS)} ms after the stop`)
    process.exit(1)
  }, STOP_TIMEOUT_MS).unref()
  stopping.abort()
  await running
  await flusher.close()
  await view?.close()
  await watch[Symbol.asyncDispose]()
}

function pagesServer(metrics: () => readonly string[]): Server {
  const type = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
  return createServer(({ url }, response) => {
    switch (url) {
      case '/metrics':
        response.writeHead(200, type).end(`${metrics().join('\n')}\n`)
        return
      case '/healthz':
        response.writeHead(200, type).end('ok\n')
        return
      default:
        response.writeHead(404, type).end('no such route\n')
    }
  })
}
