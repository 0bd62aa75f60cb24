/**
 * The standby of docker-compose.yml, or another one made like it. In: the run's compose project, where its primary runs. Out: a
 * running engine that follows it. The service copies the primary and opens it for replication by itself; what is ours are
 * name, port, settings and patience.
 */
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { composeLabel } from '../compose/label.ts'
import type { ServiceOverride } from '../compose/override.ts'
import { withPublishedPort } from '../compose/published-port.ts'
import type {
  EngineContext,
  EngineRequest,
  PostgresAddress,
  RunningEngine,
  StoringEngine,
} from '../engine.ts'
import { POSTGRES_IN_COMPOSE, startContainer } from './compose.ts'
import { withClient } from './connection.ts'
import { serverVersion } from './control.ts'
import { postgresFacts } from './facts.ts'
import { REPLICA_DEFAULTS, settingsOfPrimary, untilStreaming } from './replica.ts'
import { runningPostgres } from './running.ts'
import { containerSettings, nonDefaultSettings } from './settings.ts'
import { harnessSessions } from './harness-sessions.ts'
import { SharedConnection } from './shared-connection.ts'

type ComposeRequest = Extract<EngineRequest<'postgres'>, { provider: 'compose' }>

const SERVICE = 'postgres-replica'
/** Where the file's service has its volume. */
const DATA = '/var/lib/postgresql'

/** @throws HeadroomError BAD_INPUT, IMAGE_MISSING, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startComposeReplica(
  { settings, project }: ComposeRequest,
  upstream: RunningEngine,
  context: EngineContext,
): Promise<StoringEngine<'postgres'>> {
  if (upstream.provider !== 'compose') throw notThere(context.name, upstream)
  const primaryAddress = upstream.addressFor('harness') as PostgresAddress
  const inherited = await withClient(primaryAddress, context.signal, settingsOfPrimary)
  const { port: askedPort, ...gucs } = containerSettings({
    ...REPLICA_DEFAULTS,
    ...inherited,
    ...settings,
  })
  const { service, override } = placeOf(context.name)
  await using scope = new Scope()
  const { container, address } = await withPublishedPort(askedPort, async (port) => {
    const address: PostgresAddress = { ...primaryAddress, port }
    return {
      container: await startContainer(
        {
          ...{ address, service, gucs, project, override },
          env: { HEADROOM_REPLICA_NAME: context.name },
          standsOnRunning: true,
        },
        context,
      ),
      address,
    }
  })
  scope.use(container)
  await untilStreaming(address, context)
  const known = await withClient(address, context.signal, async (client) => ({
    version: await serverVersion(client),
    settings: await nonDefaultSettings(client),
    facts: await postgresFacts(client),
  }))
  const sessions = harnessSessions(scope, address)
  const primary = scope.use(new SharedConnection(primaryAddress))
  const inside = { ...address, host: service, port: POSTGRES_IN_COMPOSE.port }

  const owned = scope.move()
  return runningPostgres(
    {
      name: context.name,
      provider: 'compose',
      label: composeLabel(`postgres ${known.version}, a replica`, container.image),
      ...known,
      facts: { ...known.facts, ...container.limits },
      image: container.image,
      addressFor: (who) => (who !== 'harness' && project.options.servicesInside ? inside : address),
      parts: [container],
      crashed: container.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, sessions, primary },
  )
}

/** The first one is the file's own service; `replica-2` is made like it, with data of its own. */
function placeOf(name: string): { readonly service: string; readonly override: ServiceOverride } {
  const number = Number(/-(\d+)$/.exec(name)?.[1] ?? 1)
  if (number === 1) return { service: SERVICE, override: {} }
  const service = `${SERVICE}-${String(number)}`
  return { service, override: { like: SERVICE, volumes: [{ name: service, at: DATA }] } }
}

function notThere(name: string, upstream: RunningEngine): HeadroomError {
  return new HeadroomError(
    'BAD_INPUT',
    `${name} is asked for in a container, but ${upstream.name}, which it follows, is not in one`,
    { hint: 'a replica runs where its primary runs: leave out its provider' },
  )
}
