/**
 * PgBouncer as a local process in front of a PostgreSQL. In: settings and the server it stands on, wherever that runs. Out: a
 * running pooler; nothing of it is left after disposal but the log.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import { Scope } from '../../kit/scope.ts'
import { runTool } from '../../kit/tool.ts'
import type { EngineContext, EngineRequest, RunningEngine } from '../engine.ts'
import { onFreePort } from '../on-free-port.ts'
import type { ProgramCommand } from '../packages/installed.ts'
import { requireProgram } from '../packages/program.ts'
import { SharedConnection } from '../postgres/shared-connection.ts'
import { runningPooler, serverBehind } from './running.ts'
import { PgBouncerServer } from './server.ts'
import {
  keepsPreparedStatements,
  poolerSettings,
  requirePreparedStatements,
  settingsFor,
} from './settings.ts'

/** What was decided for an older one, which has no `max_prepared_statements` that could be written. */
const STATEMENTS_OF_SESSIONS = {
  namedStatements: 'kept by sessions alone (max_prepared_statements came with PgBouncer 1.21)',
}

/** @throws HeadroomError ENGINE_MISSING, BAD_INPUT, PORT_TAKEN, ENGINE_NOT_READY */
export async function startEmbeddedPgBouncer(
  request: EngineRequest<'pgbouncer'>,
  context: EngineContext,
): Promise<RunningEngine<'pgbouncer'>> {
  const { port: askedPort, settings } = poolerSettings(request.settings)
  const program = requireProgram('pgbouncer')
  const { name, logDir, dataDir, signal } = context
  const version = await versionOf(program, signal)
  requirePreparedStatements(version, settings)
  await using scope = new Scope()

  claimDataDir(dataDir)
  scope.defer(() => {
    releaseDataDir(dataDir)
  })
  mkdirSync(logDir, { recursive: true })
  const fixed = {
    ...{ name, program, dir: dataDir, signal },
    settings: settingsFor(version, settings),
    server: serverBehind(request).addressFor('harness'),
    logFile: join(logDir, `${name}.log`),
  }
  const server = scope.use(
    await onFreePort(askedPort, context, async (port) => {
      const made = new PgBouncerServer({ ...fixed, port })
      await made.start()
      return made
    }),
  )
  const console = scope.use(new SharedConnection(server.console))

  const owned = scope.move()
  return await runningPooler(
    {
      name,
      provider: 'embedded',
      ...(keepsPreparedStatements(version) ? {} : { facts: STATEMENTS_OF_SESSIONS }),
      parts: [server],
      crashed: server.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { console, addresses: () => server.address, signal },
  )
}

async function versionOf({ command, args }: ProgramCommand, signal: AbortSignal): Promise<string> {
  const said = await runTool(command, [...args, '--version'], { signal })
  return /PgBouncer (\d+(?:\.\d+)+)/.exec(said)?.[1] ?? 'of an unknown version'
}
