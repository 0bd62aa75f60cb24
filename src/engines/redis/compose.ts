/**
 * Redis as a container of docker-compose.yml. In: settings and the run's compose project. Out: a running engine on a loopback
 * port, with fresh volumes and a password of its own; the project takes both away.
 */
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { Container } from '../compose/container.ts'
import { composeLabel } from '../compose/label.ts'
import { withPublishedPort } from '../compose/published-port.ts'
import type { EngineContext, EngineRequest, RunningEngine } from '../engine.ts'
import type { RedisAddress } from './address.ts'
import { askRedis, redisControl } from './control.ts'
import { redisProbes } from './probes.ts'
import { RedisReading } from './reading.ts'
import { answers, startError } from './server.ts'
import { redisSettings, TELLING_SETTINGS } from './settings.ts'

type ComposeRequest = Extract<EngineRequest<'redis'>, { provider: 'compose' }>

const SERVICE = 'redis'
const PORT_INSIDE = 6379
const READY_TIMEOUT_MS = 60_000
const RECOVERY_TIMEOUT_MS = 300_000

/** As in docker-compose.yml: the password comes by a pipe, because arguments and environment can be read by others. */
const START =
  'exec docker-entrypoint.sh redis-server - "$@" < <(printf \'requirepass %s\\n\' "$(cat /run/headroom/redis-password)")'

/** @throws HeadroomError BAD_INPUT, IMAGE_MISSING, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startComposeRedis(
  { settings: asked, project }: ComposeRequest,
  context: EngineContext,
): Promise<RunningEngine<'redis'>> {
  const { name, logDir, signal } = context
  const { port: askedPort, settings } = redisSettings(asked)
  await using scope = new Scope()
  const { container, address } = await withPublishedPort(askedPort, async (port) => {
    const address: RedisAddress = {
      host: '127.0.0.1',
      port,
      database: 0,
      password: project.passwords.redis,
      tls: 'off',
    }
    const container = await Container.start(project, {
      service: SERVICE,
      name,
      kind: 'engine',
      withDependencies: true,
      override: { command: ['bash', '-c', START, SERVICE, ...argumentsOf(settings)] },
      env: { HEADROOM_REDIS_PORT: String(port) },
      ready: (within) => answers(address, within),
      readyTimeoutMs: READY_TIMEOUT_MS,
      recoveryTimeoutMs: RECOVERY_TIMEOUT_MS,
      startError: (error) => {
        const told = startError(error, { name, logFile: `${logDir}/${name}.log` })
        return told instanceof HeadroomError ? told : error
      },
    })
    return { container, address }
  })
  scope.use(container)
  const reading = scope.use(new RedisReading(address))
  const names = new Set([...TELLING_SETTINGS, ...Object.keys(settings)])
  const known = await askRedis(reading, [...names], signal)
  const inside = { ...address, host: SERVICE, port: PORT_INSIDE }

  const owned = scope.move()
  return {
    kind: 'redis',
    name,
    provider: 'compose',
    label: composeLabel(`redis ${known.version}`, container.image),
    ...known,
    facts: container.limits,
    image: container.image,
    addressFor: (who) => (who !== 'harness' && project.options.servicesInside ? inside : address),
    parts: [container],
    probes: redisProbes(reading),
    crashed: container.crashed,
    control: redisControl(reading),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

function argumentsOf(settings: Readonly<Record<string, string>>): readonly string[] {
  const all = { ...settings, dir: '/data' }
  return Object.entries(all).flatMap(([name, value]) => [
    `--${name}`,
    ...(value === '' ? [''] : value.split(/\s+/)),
  ])
}
