/**
 * Whether containers can run here. In: the docker command. Out: versions, or an error that says what is missing and how
 * to get it.
 */
import type { Docker } from '../../kit/docker.ts'
import { DockerFailure } from '../../kit/docker.ts'
import { HeadroomError } from '../../kit/errors.ts'

export interface DockerState {
  /** `28.2.2`. */
  readonly server: string
  /** `2.26.1`. */
  readonly compose: string
  /** The daemon's own clock: its events are asked for by it. */
  readonly daemonTime: string
  /** Where images and volumes lie, as the daemon sees it. */
  readonly dataRoot: string
}

/** `--profile '*'` and long syntax of depends_on: 2.20 has both. */
const COMPOSE_MIN = [2, 20] as const

/** @throws HeadroomError DOCKER_MISSING, DOCKER_NOT_RUNNING, COMPOSE_TOO_OLD */
export async function requireDocker(docker: Docker, signal?: AbortSignal): Promise<DockerState> {
  const call = signal === undefined ? {} : { signal }
  const [server = '', daemonTime = '', dataRoot = ''] = (
    await asked(
      docker(['info', '--format', '{{.ServerVersion}}|{{.SystemTime}}|{{.DockerRootDir}}'], call),
    )
  )
    .trim()
    .split('|')
  // An old client prints the format's empty fields and succeeds where the daemon is away.
  if (server === '') throw notRunning('the daemon did not answer')
  return { server, compose: await requireCompose(docker, call), daemonTime, dataRoot }
}

async function requireCompose(
  docker: Docker,
  call: { readonly signal?: AbortSignal },
): Promise<string> {
  let version: string
  try {
    version = (await docker(['compose', 'version', '--short'], call)).trim().replace(/^v/, '')
  } catch (error) {
    if (!(error instanceof DockerFailure)) throw error
    throw new HeadroomError('COMPOSE_TOO_OLD', 'docker has no compose plugin', {
      hint: 'install Compose v2 (package docker-compose-plugin); docker-compose v1 cannot be used',
      cause: error,
    })
  }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > COMPOSE_MIN[0] || (major === COMPOSE_MIN[0] && minor >= COMPOSE_MIN[1])) {
    return version.split('-')[0] ?? version
  }
  throw new HeadroomError('COMPOSE_TOO_OLD', `docker compose is ${version}, too old for Headroom`, {
    hint: `update the compose plugin to ${COMPOSE_MIN.join('.')} or newer`,
  })
}

async function asked(answer: Promise<string>): Promise<string> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof DockerFailure)) throw error
    if (error.how === 'missing') {
      throw new HeadroomError('DOCKER_MISSING', 'docker is not installed', {
        hint: 'install Docker Engine with the compose plugin, or leave --engines compose out',
        cause: error,
      })
    }
    throw notRunning(error.said.at(-1) ?? 'no answer', error)
  }
}

function notRunning(said: string, cause?: unknown): HeadroomError {
  const denied = /permission denied/i.test(said)
  return new HeadroomError(
    'DOCKER_NOT_RUNNING',
    denied
      ? 'this user may not talk to the Docker daemon'
      : `the Docker daemon is not running: ${said}`,
    {
      hint: denied
        ? 'add the user to the group docker, or use rootless Docker'
        : 'start it (systemctl start docker, or Docker Desktop); DOCKER_HOST names one elsewhere',
      cause,
    },
  )
}
