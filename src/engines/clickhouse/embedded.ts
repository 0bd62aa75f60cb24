/**
 * ClickHouse as a local process: the library behind `clickhouse local`, serving HTTP on loopback. In: settings. Out: a
 * running engine labelled `clickhouse-local`, whose figures are provisional until a real server confirms them.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import { freePort, portIsFree } from '../../kit/ports.ts'
import { Scope } from '../../kit/scope.ts'
import type { ClickHouseAddress, EngineContext, EngineSettings, StoringEngine } from '../engine.ts'
import { NO_SETTINGS } from './config.ts'
import { asksForAsyncInsert, noAsyncInsert } from './async-insert.ts'
import { ClickHouseHttp } from './http.ts'
import { requireLibrary } from './library.ts'
import { clickHouseProbes } from './probes.ts'
import { runningClickHouse } from './running.ts'
import { ClickHouseServer } from './server.ts'
import { changedSettings, sortSettings, splitPort } from './settings.ts'

const DATABASE = 'headroom'
/** Between choosing a free port and listening on it another process may take it. */
const PORT_ATTEMPTS = 5

/** @throws HeadroomError ENGINE_MISSING, BAD_INPUT, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startEmbeddedClickHouse(
  asked: EngineSettings,
  context: EngineContext,
): Promise<StoringEngine<'clickhouse'>> {
  const { port, settings } = splitPort(asked)
  if (asksForAsyncInsert(settings)) throw noAsyncInsert('embedded ClickHouse')
  const library = requireLibrary()
  await using scope = new Scope()

  claimDataDir(context.dataDir)
  scope.defer(() => {
    releaseDataDir(context.dataDir)
  })
  mkdirSync(context.logDir, { recursive: true })

  const server = scope.use(await startServer({ port, library, settings }, context))
  const address: ClickHouseAddress = { ...server.address, database: DATABASE }
  const http = scope.use(new ClickHouseHttp(address))
  const { signal } = context
  await http.text(`CREATE DATABASE ${DATABASE} ENGINE = Atomic`, { signal, database: 'default' })
  const version = await http.text('SELECT version()', { signal })
  const changed = await changedSettings(http, signal)

  const owned = scope.move()
  return runningClickHouse(
    {
      name: context.name,
      provider: 'embedded',
      label: `clickhouse-local ${version.split('.').slice(0, 3).join('.')}`,
      version,
      settings: changed,
      addressFor: () => address,
      parts: [server],
      crashed: server.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { http, probes: clickHouseProbes(http, DATABASE) },
  )
}

interface Wanted {
  readonly port: string | null
  readonly library: string
  readonly settings: EngineSettings
}

async function startServer(wanted: Wanted, context: EngineContext): Promise<ClickHouseServer> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new ClickHouseServer({
      name: context.name,
      library: wanted.library,
      dir: context.dataDir,
      settings: NO_SETTINGS,
      httpPort: wanted.port === null ? await freePort() : await requirePort(wanted.port),
      logFile: join(context.logDir, `${context.name}.log`),
      signal: context.signal,
    })
    try {
      await server.start()
      await applySettings(server, wanted.settings, context.signal)
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      const taken = error instanceof HeadroomError && error.code === 'PORT_TAKEN'
      if (!taken || wanted.port !== null || attempt === PORT_ATTEMPTS) throw error
      context.log(`${context.name}: ${error.message}; trying another`)
    }
  }
}

/** Only the running server knows which of its three kinds a setting is; so it is asked, and then started again. */
async function applySettings(
  server: ClickHouseServer,
  settings: EngineSettings,
  signal: AbortSignal,
): Promise<void> {
  if (Object.keys(settings).length === 0) return
  await using http = new ClickHouseHttp(server.address)
  const sorted = await sortSettings(http, settings, signal)
  await server.stop()
  await server.start(sorted)
}

async function requirePort(text: string): Promise<number> {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new HeadroomError('BAD_INPUT', `clickhouse setting http_port: "${text}" is not a port`)
  }
  if (await portIsFree(port)) return port
  throw new HeadroomError(
    'PORT_TAKEN',
    `port ${text} is taken: clickhouse cannot listen on 127.0.0.1`,
    {
      hint: 'leave `http_port` out: a free one is chosen',
    },
  )
}
