/**
 * The life of a service process. In: JSON in HEADROOM_CONFIG, or on the first line of stdin where that says `-`. Out: one
 * ready line on stdout, then HTTP until SIGTERM, SIGINT or the end of a piped stdin (the parent died). In-flight requests
 * are answered first, within a bound.
 */
import type { AddressInfo } from 'node:net'
import { messageOf } from '../../src/kit/errors.ts'
import { buildEdge } from './edge.ts'
import type { EdgeSettings } from './edge-settings.ts'
import type { IngestEvent } from './event.ts'
import { Meters } from './meters.ts'
import { logLine, stopAsked, takeConfig } from './process-life.ts'
import type { Ingest } from './service.ts'

export interface ServiceConfig<Addresses, Settings> {
  /** 0 takes any free port. */
  readonly port: number
  /** Address to listen on; loopback where absent. A container is reached from outside, so it says 0.0.0.0. */
  readonly host?: string
  /** Secrets may be inside: never logged. */
  readonly addresses: Addresses
  readonly settings: Settings & EdgeSettings
}

export interface OpenContext {
  readonly meters: Meters
  readonly log: (line: string) => void
}

const LOOPBACK = '127.0.0.1'
/** Below the ten seconds after which the harness kills. */
const STOP_TIMEOUT_MS = 9_000

/** Runs until stopped; ends the process. Exit code 0 after a clean stop, 1 when it could not start or finish. */
export async function runService<Addresses, Settings, Event = IngestEvent>(
  open: (
    config: ServiceConfig<Addresses, Settings>,
    context: OpenContext,
  ) => Promise<Ingest<Event>>,
): Promise<void> {
  try {
    await serve((await takeConfig()) as ServiceConfig<Addresses, Settings>, open)
    process.exit(0)
  } catch (error) {
    logLine(messageOf(error))
    process.exit(1)
  }
}

async function serve<Addresses, Settings, Event>(
  config: ServiceConfig<Addresses, Settings>,
  open: (
    config: ServiceConfig<Addresses, Settings>,
    context: OpenContext,
  ) => Promise<Ingest<Event>>,
): Promise<void> {
  const stopped = stopAsked()
  using meters = new Meters()
  const ingest = await open(config, { meters, log: logLine })
  const app = buildEdge({ ingest, meters, limits: config.settings, log: logLine })
  const host = config.host ?? LOOPBACK
  await app.listen({ port: config.port, host })
  const { port } = app.server.address() as AddressInfo
  process.stdout.write(
    `${JSON.stringify({ ready: true, url: `http://${host}:${String(port)}` })}\n`,
  )

  await stopped
  setTimeout(() => {
    logLine(`requests were still unanswered ${String(STOP_TIMEOUT_MS)} ms after the stop`)
    process.exit(1)
  }, STOP_TIMEOUT_MS).unref()
  await app.close()
  await ingest[Symbol.asyncDispose]()
}
