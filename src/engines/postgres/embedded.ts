/**
 * PostgreSQL as a local process. In: settings. Out: a running engine with its own data, port and password; nothing of
 * it is left after disposal but the log.
 */
import { randomBytes } from 'node:crypto'
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineSettings, PostgresAddress, StoringEngine } from '../engine.ts'
import type { AccountKind } from './account.ts'
import { withClient } from './connection.ts'
import { createExtensions, serverVersion } from './control.ts'
import { initializeData } from './initdb.ts'
import { startLocalServer } from './local-server.ts'
import { runningPostgres } from './running.ts'
import { nonDefaultSettings, serverSettings } from './settings.ts'
import { SharedConnection } from './shared-connection.ts'

export const EMBEDDED_DATABASE = 'headroom'

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
  await using scope = new Scope()
  const { server } = scope.use(
    await startLocalServer(
      {
        settingsIn: () => settings,
        password: randomBytes(18).toString('base64url'),
        makeData: (folder) => initializeData(folder, context),
        accounts: options.accounts,
      },
      context,
    ),
  )
  const address: PostgresAddress = { ...server.address, database: EMBEDDED_DATABASE }
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

/** A database of its own, the extensions that the probes read, and what the server says about itself. */
async function prepare(
  server: PostgresAddress,
  signal: AbortSignal,
): Promise<{ readonly version: string; readonly nonDefault: EngineSettings }> {
  await withClient(server, signal, async (client) => {
    await client.query(WAIT_FOR_NO_REPLICA)
    await client.query(`CREATE DATABASE ${EMBEDDED_DATABASE}`)
  })
  return withClient({ ...server, database: EMBEDDED_DATABASE }, signal, async (client) => {
    await client.query(WAIT_FOR_NO_REPLICA)
    await createExtensions(client)
    return { version: await serverVersion(client), nonDefault: await nonDefaultSettings(client) }
  })
}

/** With synchronous_standby_names a commit waits for a replica, and none can be there yet. */
const WAIT_FOR_NO_REPLICA = 'SET synchronous_commit = local'
