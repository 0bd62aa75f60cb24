/**
 * PostgreSQL as a local process. In: settings. Out: a running engine with its own data, port and password; nothing of
 * it is left after disposal but the log.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import { freePort, portIsFree } from '../../kit/ports.ts'
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineSettings, PostgresAddress, StoringEngine } from '../engine.ts'
import type { AccountKind } from './account.ts'
import { findHome } from './account.ts'
import { requireNativeDir } from './binaries.ts'
import { withClient } from './connection.ts'
import { createExtensions, serverVersion } from './control.ts'
import { runningPostgres } from './running.ts'
import { PostgresServer } from './server.ts'
import { nonDefaultSettings, serverSettings } from './settings.ts'
import { SharedConnection } from './shared-connection.ts'

const DATABASE = 'headroom'
/** Between choosing a free port and listening on it another process may take it. */
const PORT_ATTEMPTS = 5

export interface EmbeddedOptions {
  /** For tests: which ways to run as root are tried; every way that suits this user where absent. */
  readonly accounts?: readonly AccountKind[]
}

/** @throws HeadroomError ENGINE_MISSING, BAD_INPUT, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startEmbeddedPostgres(
  asked: EngineSettings,
  context: EngineContext,
  options: EmbeddedOptions = {},
): Promise<StoringEngine<'postgres'>> {
  const settings = serverSettings(asked)
  const nativeDir = requireNativeDir()
  await using scope = new Scope()

  claimDataDir(context.dataDir)
  scope.defer(() => {
    releaseDataDir(context.dataDir)
  })
  mkdirSync(context.logDir, { recursive: true })
  const home = findHome(nativeDir, context.dataDir, options.accounts)
  scope.defer(() => {
    home.dispose()
  })

  const server = scope.use(await startServer({ home, settings }, context))
  const address: PostgresAddress = { ...server.address, database: DATABASE }
  const { version, nonDefault } = await prepare(server.address, context.signal)
  const reading = scope.use(new SharedConnection(address))
  const polling = scope.use(new SharedConnection(address))

  const owned = scope.move()
  return runningPostgres(
    {
      name: context.name,
      provider: 'embedded',
      label: `postgres ${version}`,
      version,
      settings: nonDefault,
      addressFor: () => address,
      parts: [server],
      crashed: server.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, reading, polling },
  )
}

async function startServer(
  made: { readonly home: ReturnType<typeof findHome>; readonly settings: EngineSettings },
  context: EngineContext,
): Promise<PostgresServer> {
  const askedPort = made.settings['port']
  for (let attempt = 1; ; attempt += 1) {
    const port = askedPort === undefined ? await freePort() : await requirePort(askedPort)
    const server = new PostgresServer({
      ...made,
      name: context.name,
      port,
      logFile: join(context.logDir, `${context.name}.log`),
      signal: context.signal,
    })
    try {
      await server.create()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      const taken = error instanceof HeadroomError && error.code === 'PORT_TAKEN'
      if (!taken || askedPort !== undefined || attempt === PORT_ATTEMPTS) throw error
      context.log(`${context.name}: ${error.message}; trying another`)
    }
  }
}

async function requirePort(text: string): Promise<number> {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new HeadroomError('BAD_INPUT', `postgres setting port: "${text}" is not a port`)
  }
  if (await portIsFree(port)) return port
  throw new HeadroomError(
    'PORT_TAKEN',
    `port ${text} is taken: postgres cannot listen on 127.0.0.1`,
    {
      hint: 'leave the setting `port` out: a free one is chosen',
    },
  )
}

/** A database of its own, the extensions that the probes read, and what the server says about itself. */
async function prepare(
  server: PostgresAddress,
  signal: AbortSignal,
): Promise<{ readonly version: string; readonly nonDefault: EngineSettings }> {
  await withClient(server, signal, (client) => client.query(`CREATE DATABASE ${DATABASE}`))
  return withClient({ ...server, database: DATABASE }, signal, async (client) => {
    await createExtensions(client)
    return { version: await serverVersion(client), nonDefault: await nonDefaultSettings(client) }
  })
}
