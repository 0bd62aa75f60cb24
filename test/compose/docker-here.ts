/** Whether containers can run here: a named skip on a user's machine, a failure where everything is required. */
import { requireDocker } from '../../src/engines/compose/availability.ts'
import { dockerEnv, linesOf, plainDocker, remainsOf } from '../../src/kit/docker.ts'
import { messageOf } from '../../src/kit/errors.ts'

export const docker = plainDocker(dockerEnv(process.env))

/** The images that docker-compose.yml names must be here: a test does not wait for a download. */
const IMAGES = [
  ...['postgres:18.6', 'timescale/timescaledb:2.31.0-pg18', 'clickhouse/clickhouse-server:26.7'],
  'redis:8.2.3',
]

async function findDocker(): Promise<string | null> {
  try {
    await requireDocker(docker)
    for (const image of IMAGES) {
      if ((await docker(['image', 'ls', '--quiet', image])).trim() === '') {
        return `the image ${image} is not here`
      }
    }
    return null
  } catch (error) {
    return messageOf(error)
  }
}

const missing = await findDocker()
if (missing !== null && process.env['HEADROOM_REQUIRE_ALL'] === '1') throw new Error(missing)

/** Why tests with containers are skipped; null where they run. */
export const withoutDocker = missing

/** Names of everything of a project, or of every project whose name holds this text. */
export async function leftOf(text: string): Promise<readonly string[]> {
  const label = '{{.Label "com.docker.compose.project"}}'
  const projects = new Set(
    [
      ...linesOf(await docker(['ps', '--all', '--format', label])),
      ...linesOf(await docker(['network', 'ls', '--format', label])),
      ...linesOf(await docker(['volume', 'ls', '--format', label])),
    ].filter((project) => project.includes(text)),
  )
  const left: string[] = []
  for (const project of projects) {
    const { containers, networks, volumes } = await remainsOf(project, docker)
    left.push(...containers, ...networks, ...volumes)
  }
  return left
}
