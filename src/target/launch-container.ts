/**
 * Starts one process of an architecture as a container of our own image. In: an entry file and its configuration. Out: a
 * part behind a loopback port. The configuration may hold secrets: it travels in the environment of `docker compose` and
 * of the container, and stands in no file, argument or log.
 */
import { Container } from '../engines/compose/container.ts'
import type { ComposeProject } from '../engines/compose/project.ts'
import { portVariable, withPublishedPort } from '../engines/compose/published-port.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Watched } from '../kit/process.ts'
import type { Launcher, LaunchedService, LaunchWish } from './launch.ts'
import { configObject, partKind, readReadyLine } from './launch.ts'

/** What every service of docker-compose.yml exposes. */
const PORT_INSIDE = 8080
const READY_TIMEOUT_MS = 60_000
/** A service answers what it has taken before it ends, within nine seconds (service-kit/service-process.ts). */
const STOP_GRACE_S = 12
const LOG_LINES = 200

export function containerLauncher(project: ComposeProject): Launcher {
  return (wish) => withPublishedPort(undefined, (port) => launch(project, wish, port))
}

async function launch(
  project: ComposeProject,
  wish: LaunchWish,
  port: number,
): Promise<LaunchedService> {
  const { service, like, command } = placeOf(wish)
  const portName = portVariable(like ?? service)
  const config = { ...configObject(wish.config), host: '0.0.0.0', port: PORT_INSIDE }
  const seen = { socket: false }
  const container = await Container.start(project, {
    service,
    name: wish.name,
    kind: partKind(wish.name),
    // One event loop.
    coresMax: 1,
    // Its engines run already, and are known to answer.
    withDependencies: false,
    override: { command, ...(like === null ? {} : { like }) },
    env: { HEADROOM_CONFIG: JSON.stringify(config), [portName]: String(port) },
    ready: (_signal, life) => {
      const ready = readyLineOf(life)
      seen.socket = ready?.url != null
      return Promise.resolve(ready !== null)
    },
    readyTimeoutMs: READY_TIMEOUT_MS,
    recoveryTimeoutMs: READY_TIMEOUT_MS,
    stopGraceS: STOP_GRACE_S,
    startError: (error) => asServiceError(error),
  })
  return Object.assign(container, {
    url: seen.socket ? new URL(`http://127.0.0.1:${String(port)}`) : null,
    peerUrl: seen.socket ? new URL(`http://${service}:${String(PORT_INSIDE)}`) : null,
  })
}

interface ContainerPlace {
  /** In docker-compose.yml, or made from one that is. */
  readonly service: string
  /** The service it is made from; null where the file names it itself. */
  readonly like: string | null
  readonly command: readonly string[]
}

/**
 * `reference-impl/outbox/service.ts` is the service `outbox` of the file, its worker `outbox-worker`; a second worker is
 * made like the first.
 */
export function placeOf({ name, entry }: LaunchWish): ContainerPlace {
  const architecture = /^reference-impl\/([a-z0-9-]+)\//.exec(entry)?.[1]
  if (architecture === undefined) throw new Error(`${entry} is no part of an architecture`)
  const first = name.replace(/-\d+$/, '')
  const of = (part: string): string =>
    part === 'service' ? architecture : `${architecture}-${part}`
  return {
    service: of(name),
    like: first === name ? null : of(first),
    command: ['node', '--enable-source-maps', `dist/${entry.replace(/\.ts$/, '.js')}`],
  }
}

function readyLineOf(life: Watched): ReturnType<typeof readReadyLine> {
  return readReadyLine(`${life.logTail(LOG_LINES).join('\n')}\n`)
}

function asServiceError(error: HeadroomError): HeadroomError {
  if (error.code !== 'ENGINE_NOT_READY') return error
  return new HeadroomError('SERVICE_NOT_READY', error.message, {
    ...(error.hint === null ? {} : { hint: error.hint }),
    cause: error,
  })
}
