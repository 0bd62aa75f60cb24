/**
 * PgBouncer as a container of docker-compose.yml, beside the PostgreSQL it stands on. In: settings, the run's compose project
 * and its server. Out: a running pooler on a loopback port. Its user and password are the server's own: the image reads them from
 * the project's volume of secrets.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { Container } from '../compose/container.ts'
import { withPublishedPort } from '../compose/published-port.ts'
import type { EngineContext, EngineRequest, PostgresAddress, RunningEngine } from '../engine.ts'
import { SharedConnection } from '../postgres/shared-connection.ts'
import { CONSOLE } from './console.ts'
import { runningPooler, serverBehind } from './running.ts'
import { answers, startError } from './server.ts'
import { databaseLines, iniText, poolerSettings, withPreparedStatements } from './settings.ts'

type ComposeRequest = Extract<EngineRequest<'pgbouncer'>, { provider: 'compose' }>

const SERVICE = 'pgbouncer'
const PORT_INSIDE = 6432
const READY_TIMEOUT_MS = 60_000
const STOP_GRACE_S = 2

/** @throws HeadroomError BAD_INPUT, IMAGE_MISSING, PORT_TAKEN, ENGINE_NOT_READY */
export async function startComposePgBouncer(
  request: ComposeRequest,
  context: EngineContext,
): Promise<RunningEngine<'pgbouncer'>> {
  const { project } = request
  const { name, logDir, dataDir, signal } = context
  const { port: askedPort, settings } = poolerSettings(request.settings)
  const server = serverInside(serverBehind(request))
  const file = join(dataDir, `${name}.ini`)
  // No secret in it; read by the container's own user.
  writeFileSync(file, containerIni(server, settings), { mode: 0o644 })
  await using scope = new Scope()
  const { container, address } = await withPublishedPort(askedPort, async (port) => {
    const address: PostgresAddress = { ...server, host: '127.0.0.1', port }
    const container = await Container.start(project, {
      service: name === SERVICE ? SERVICE : `${SERVICE}-${name}`,
      name,
      kind: 'engine',
      // What it stands on runs already.
      withDependencies: false,
      override: {
        mounts: [{ file, at: '/etc/pgbouncer/pgbouncer.ini' }],
        ...(name === SERVICE ? {} : { like: SERVICE }),
      },
      env: { HEADROOM_PGBOUNCER_PORT: String(port) },
      ready: (within) => answers({ ...address, database: CONSOLE }, within),
      readyTimeoutMs: READY_TIMEOUT_MS,
      recoveryTimeoutMs: READY_TIMEOUT_MS,
      stopGraceS: STOP_GRACE_S,
      startError: (error) => {
        const told = startError(error, { name, logFile: `${logDir}/${name}.log` })
        return told instanceof HeadroomError ? told : error
      },
    })
    return { container, address }
  })
  scope.use(container)
  const console = scope.use(new SharedConnection({ ...address, database: CONSOLE }))
  const inside = {
    ...address,
    host: name === SERVICE ? SERVICE : `${SERVICE}-${name}`,
    port: PORT_INSIDE,
  }

  const owned = scope.move()
  return await runningPooler(
    {
      name,
      provider: 'compose',
      facts: container.limits,
      image: container.image,
      parts: [container],
      crashed: container.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    {
      console,
      addresses: (who) => (who === 'service' && project.options.servicesInside ? inside : address),
      signal,
    },
  )
}

/** As containers of the same project reach it. @throws HeadroomError BAD_INPUT where it is not one of them */
function serverInside(server: RunningEngine<'postgres'>): PostgresAddress {
  const address = server.addressFor('service')
  if (server.provider === 'compose' && address.host !== '127.0.0.1') return address
  if (server.provider === 'compose' && server.name === 'postgres') {
    return { ...address, host: 'postgres', port: 5432 }
  }
  throw new HeadroomError(
    'BAD_INPUT',
    `a PgBouncer in a container cannot stand in front of ${server.name}, which is not in one beside it`,
    { hint: 'write `provider: embedded` below `pooler`' },
  )
}

function containerIni(server: PostgresAddress, settings: Readonly<Record<string, string>>): string {
  return iniText(databaseLines({ server, credentials: false, settings }), {
    // The image's PgBouncer is Debian's, which has the setting.
    ...withPreparedStatements(settings),
    listen_addr: '0.0.0.0',
    listen_port: String(PORT_INSIDE),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    // Written by the image's own start, from the volume of secrets.
    auth_file: '/tmp/users.txt',
    admin_users: server.user,
  })
}
