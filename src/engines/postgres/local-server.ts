/**
 * A PostgreSQL server process of our own on a free port. In: how its data is made, and settings. Out: a server that
 * answers, in a folder that is removed with it.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineSettings } from '../engine.ts'
import { onFreePort } from '../on-free-port.ts'
import type { AccountKind, PostgresHome } from './account.ts'
import { findHome } from './account.ts'
import { requireNativeDir } from './binaries.ts'
import type { ExtensionPackage } from './extensions.ts'
import { searchPaths } from './extensions.ts'
import type { ServerOptions } from './server.ts'
import { PostgresServer } from './server.ts'

export interface LocalServerOptions extends Pick<ServerOptions, 'password' | 'makeData'> {
  /** What the server is started with; some name files of its home. */
  readonly settingsIn: (home: PostgresHome) => EngineSettings
  /** Extensions that it will load; absent: none beside its own. */
  readonly packages?: readonly ExtensionPackage[]
  /** For tests: which ways to run as root are tried; every way that suits this user where absent. */
  readonly accounts?: readonly AccountKind[] | undefined
}

export interface LocalServer extends AsyncDisposable {
  readonly server: PostgresServer
}

/** @throws HeadroomError ENGINE_MISSING, BAD_INPUT, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startLocalServer(
  options: LocalServerOptions,
  context: EngineContext,
): Promise<LocalServer> {
  const nativeDir = requireNativeDir()
  await using scope = new Scope()
  claimDataDir(context.dataDir)
  scope.defer(() => {
    releaseDataDir(context.dataDir)
  })
  mkdirSync(context.logDir, { recursive: true })
  const { packages = [], accounts: ways } = options
  const home = findHome(nativeDir, context.dataDir, {
    packages,
    ...(ways === undefined ? {} : { ways }),
  })
  scope.defer(() => {
    home.dispose()
  })
  const server = scope.use(await startOnFreePort(home, options, context))
  const owned = scope.move()
  return { server, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
}

async function startOnFreePort(
  home: PostgresHome,
  { settingsIn, password, makeData }: LocalServerOptions,
  context: EngineContext,
): Promise<PostgresServer> {
  const settings = { ...searchPaths(home.packages), ...settingsIn(home) }
  const { name, logDir, signal } = context
  const logFile = join(logDir, `${name}.log`)
  return await onFreePort(settings['port'], context, async (port) => {
    const server = new PostgresServer({
      ...{ home, settings, password, makeData },
      ...{ name, port, logFile, signal },
    })
    try {
      await server.create()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  })
}
