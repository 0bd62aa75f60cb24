/**
 * The life of a service process. In: JSON in HEADROOM_CONFIG, or on the first line of stdin where that says `-`. Out: one
 * ready line on stdout, then HTTP until SIGTERM, SIGINT or the end of a piped stdin (the parent died). In-flight requests
 * are answered first, within a bound.
 */
import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { messageOf } from '../../src/kit/errors.ts'
import { buildEdge } from './edge.ts'
import type { EdgeSettings } from './edge-settings.ts'
import { Meters } from './meters.ts'
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
export async function runService<Addresses, Settings>(
  open: (config: ServiceConfig<Addresses, Settings>, context: OpenContext) => Promise<Ingest>,
): Promise<void> {
  try {
    await serve(await takeConfig<Addresses, Settings>(), open)
    process.exit(0)
  } catch (error) {
    log(messageOf(error))
    process.exit(1)
  }
}

async function serve<Addresses, Settings>(
  config: ServiceConfig<Addresses, Settings>,
  open: (config: ServiceConfig<Addresses, Settings>, context: OpenContext) => Promise<Ingest>,
): Promise<void> {
  const stopped = stopAsked()
  using meters = new Meters()
  const ingest = await open(config, { meters, log })
  const app = buildEdge({ ingest, meters, limits: config.settings, log })
  const host = config.host ?? LOOPBACK
  await app.listen({ port: config.port, host })
  const { port } = app.server.address() as AddressInfo
  process.stdout.write(
    `${JSON.stringify({ ready: true, url: `http://${host}:${String(port)}` })}\n`,
  )

  await stopped
  setTimeout(() => {
    log(`requests were still unanswered ${String(STOP_TIMEOUT_MS)} ms after the stop`)
    process.exit(1)
  }, STOP_TIMEOUT_MS).unref()
  await app.close()
  await ingest[Symbol.asyncDispose]()
}

/** Reads the configuration and forgets it: child processes and crash dumps must not inherit the secrets. */
async function takeConfig<Addresses, Settings>(): Promise<ServiceConfig<Addresses, Settings>> {
  const told = process.env['HEADROOM_CONFIG']
  delete process.env['HEADROOM_CONFIG']
  if (told === undefined) throw new Error('HEADROOM_CONFIG is not set: the harness starts this')
  const text = told === '-' ? await firstLineOfStdin() : told
  try {
    return JSON.parse(text) as ServiceConfig<Addresses, Settings>
  } catch {
    // The parser's message would quote the text, and the text may hold a password.
    throw new Error('the configuration is not valid JSON')
  }
}

/** The pipe stays open behind it: its end says that the parent died. */
async function firstLineOfStdin(): Promise<string> {
  process.stdin.setEncoding('utf8')
  let text = ''
  return await new Promise((resolve, reject) => {
    const hear = (piece: string): void => {
      text += piece
      const end = text.indexOf('\n')
      if (end < 0) return
      process.stdin.off('data', hear).off('end', broken)
      resolve(text.slice(0, end))
    }
    const broken = (): void => {
      reject(new Error('stdin ended before the configuration came'))
    }
    process.stdin.on('data', hear).once('end', broken)
  })
}

async function stopAsked(): Promise<void> {
  const asked = [once(process, 'SIGTERM'), once(process, 'SIGINT')]
  if (stdinIsLifeline()) {
    process.stdin.resume()
    asked.push(once(process.stdin, 'end'), once(process.stdin, 'close'))
  }
  await Promise.race(asked)
}

/** A parent holds the other end of a pipe; a container's stdin is /dev/null, whose end says nothing. */
function stdinIsLifeline(): boolean {
  const stdin = fstatSync(0)
  return stdin.isFIFO() || stdin.isSocket()
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`)
}
