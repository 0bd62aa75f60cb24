/**
 * PostgreSQL as a local process. In: settings. Out: a running engine with its own data, port and password; nothing of
 * it is left after disposal but the log.
 */
import { randomBytes } from 'node:crypto'
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineSettings, PostgresAddress, StoringEngine } from '../engine.ts'
import type { AccountKind } from './account.ts'
import { archivingIn, recoveryOf } from './archive.ts'
import { setBuildDependent, withoutBuildDependent } from './build-dependent.ts'
import { withClient } from './connection.ts'
import { createExtensions, serverVersion } from './control.ts'
import {
  isInstalled,
  makeExtensions,
  requireExtensionPackages,
  withExtensions,
} from './extensions.ts'
import { postgresFacts } from './facts.ts'
import { initializeData } from './initdb.ts'
import { startLocalServer } from './local-server.ts'
import { runningPostgres } from './running.ts'
import { nonDefaultSettings, serverSettings } from './settings.ts'
import { harnessSessions } from './harness-sessions.ts'

export const EMBEDDED_DATABASE = 'headroom'

export interface EmbeddedOptions {
  /** That must be there when it is ready; absent: none beside those that probes read. */
  readonly extensions?: readonly string[]
  /** That are made where this machine has them; absent: none. */
  readonly wants?: readonly string[]
  /** For tests: which ways to run as root are tried; every way that suits this user where absent. */
  readonly accounts?: readonly AccountKind[]
}

/** @throws HeadroomError ENGINE_MISSING, BAD_INPUT, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startEmbeddedPostgres(
  asked: EngineSettings,
  context: EngineContext,
  options: EmbeddedOptions = {},
): Promise<StoringEngine<'postgres'>> {
  const { wants = [], accounts } = options
  const extensions = [...(options.extensions ?? []), ...wants.filter(isInstalled)]
  const packages = requireExtensionPackages(extensions)
  const { start, later } = withoutBuildDependent(serverSettings(asked))
  const settings = withExtensions(start, extensions, EMBEDDED_DATABASE)
  await using scope = new Scope()
  const { server } = scope.use(
    await startLocalServer(
      {
        settingsIn: (home) => ({ ...settings, ...archivingIn(home, settings) }),
        password: randomBytes(18).toString('base64url'),
        makeData: (folder) => initializeData(folder, context),
        packages,
        accounts,
      },
      context,
    ),
  )
  const address: PostgresAddress = { ...server.address, database: EMBEDDED_DATABASE }
  const known = await prepare(server.address, { extensions, later }, context.signal)
  const sessions = harnessSessions(scope, address)

  const owned = scope.move()
  return runningPostgres(
    {
      name: context.name,
      provider: 'embedded',
      label: `postgres ${known.version}`,
      ...known,
      addressFor: () => address,
      parts: [server],
      crashed: server.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, sessions, ...recoveryOf(server, settings) },
  )
}

/** A database of its own, the extensions that the probes read, and what the server says about itself. */
async function prepare(
  server: PostgresAddress,
  { extensions, later }: { readonly extensions: readonly string[]; readonly later: EngineSettings },
  signal: AbortSignal,
): Promise<Pick<StoringEngine<'postgres'>, 'version' | 'settings' | 'facts' | 'notes'>> {
  await withClient(server, signal, async (client) => {
    await client.query(WAIT_FOR_NO_REPLICA)
    await client.query(`CREATE DATABASE ${EMBEDDED_DATABASE}`)
  })
  return withClient({ ...server, database: EMBEDDED_DATABASE }, signal, async (client) => {
    await client.query(WAIT_FOR_NO_REPLICA)
    await createExtensions(client)
    await makeExtensions(client, 'PostgreSQL', extensions)
    const settingsNotInForce = await setBuildDependent(client, later)
    return {
      version: await serverVersion(client),
      settings: await nonDefaultSettings(client),
      facts: await postgresFacts(client),
      ...(settingsNotInForce.length === 0 ? {} : { notes: { settingsNotInForce, unseen: [] } }),
    }
  })
}

/** With synchronous_standby_names a commit waits for a replica, and none can be there yet. */
const WAIT_FOR_NO_REPLICA = 'SET synchronous_commit = local'
