/**
 * PostgreSQL as a container of docker-compose.yml. In: settings and the run's compose project. Out: a running engine on a
 * loopback port, with fresh volumes and a password of its own; the project takes both away.
 */
import type { DockerEnv } from '../../kit/docker.ts'
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { Container } from '../compose/container.ts'
import { composeLabel } from '../compose/label.ts'
import type { ServiceOverride } from '../compose/override.ts'
import { portVariable, withPublishedPort } from '../compose/published-port.ts'
import type { EngineContext, EngineRequest, PostgresAddress, StoringEngine } from '../engine.ts'
import { withClient } from './connection.ts'
import { createExtensions, serverVersion } from './control.ts'
import { composeServiceWith, isInAnImage, makeExtensions, withExtensions } from './extensions.ts'
import { postgresFacts } from './facts.ts'
import { runningPostgres } from './running.ts'
import { answers, startError } from './server.ts'
import { containerSettings, nonDefaultSettings } from './settings.ts'
import { harnessSessions } from './harness-sessions.ts'

type ComposeRequest = Extract<EngineRequest<'postgres'>, { provider: 'compose' }>

/** Of docker-compose.yml: the user and the database that its environment names. */
const USER = 'headroom'
const DATABASE = 'headroom'
const PORT_INSIDE = 5432
export const POSTGRES_IN_COMPOSE = { port: PORT_INSIDE } as const

/** initdb on a slow disk, with a checkpoint behind it. */
const READY_TIMEOUT_MS = 120_000
const RECOVERY_TIMEOUT_MS = 300_000
const STOP_GRACE_S = 30

/** @throws HeadroomError BAD_INPUT, IMAGE_MISSING, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startComposePostgres(
  { settings, extensions: required = [], wants = [], project }: ComposeRequest,
  context: EngineContext,
): Promise<StoringEngine<'postgres'>> {
  const extensions = [...required, ...wants.filter(isInAnImage)]
  // Only its own image has the extension.
  const service = composeServiceWith(extensions)
  const { port: askedPort, ...gucs } = withExtensions(
    containerSettings(settings),
    extensions,
    DATABASE,
  )
  await using scope = new Scope()
  const { container, address } = await withPublishedPort(askedPort, async (port) => {
    const address: PostgresAddress = {
      host: '127.0.0.1',
      port,
      user: USER,
      database: DATABASE,
      password: project.passwords.postgres,
      tls: 'off',
    }
    return {
      container: await startContainer({ address, service, gucs, project }, context),
      address,
    }
  })
  scope.use(container)

  const known = await withClient(address, context.signal, async (client) => {
    // With synchronous_standby_names a commit waits for a replica, and none can be there yet.
    await client.query('SET synchronous_commit = local')
    await createExtensions(client)
    await makeExtensions(client, `the image ${container.image.name}`, extensions)
    return {
      version: await serverVersion(client),
      settings: await nonDefaultSettings(client),
      facts: await postgresFacts(client),
    }
  })
  const sessions = harnessSessions(scope, address)
  const inside = { ...address, host: service, port: PORT_INSIDE }

  const owned = scope.move()
  return runningPostgres(
    {
      name: context.name,
      provider: 'compose',
      label: composeLabel(`postgres ${known.version}`, container.image),
      ...known,
      facts: { ...known.facts, ...container.limits },
      image: container.image,
      addressFor: (who) => (who !== 'harness' && project.options.servicesInside ? inside : address),
      parts: [container],
      crashed: container.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, sessions },
  )
}

interface Wanted extends Pick<ComposeRequest, 'project'> {
  readonly service: string
  readonly address: PostgresAddress
  readonly gucs: Readonly<Record<string, string>>
  /** What else is its own; absent: nothing. */
  readonly override?: ServiceOverride
  readonly env?: DockerEnv
  /** Whether what it stands on runs already; absent: it does not. */
  readonly standsOnRunning?: boolean
}

export async function startContainer(
  { address, service, gucs, project, override = {}, env = {}, standsOnRunning = false }: Wanted,
  { name, logDir }: EngineContext,
): Promise<Container> {
  const parameters = Object.entries(gucs).flatMap(([key, value]) => ['-c', `${key}=${value}`])
  return await Container.start(project, {
    service,
    name,
    kind: 'engine',
    withDependencies: !standsOnRunning,
    override: { ...override, command: ['postgres', ...parameters] },
    env: { ...env, [portVariable(override.like ?? service)]: String(address.port) },
    ready: () => answers(address),
    readyTimeoutMs: READY_TIMEOUT_MS,
    recoveryTimeoutMs: RECOVERY_TIMEOUT_MS,
    stopGraceS: STOP_GRACE_S,
    startError: (error) => {
      const told = startError(error, { name, port: address.port, logFile: `${logDir}/${name}.log` })
      return told instanceof HeadroomError ? told : error
    },
  })
}
