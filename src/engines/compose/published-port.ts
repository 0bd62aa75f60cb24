/** A loopback port that a container keeps through every restart: Docker's own choice would change with each. */
import { HeadroomError } from '../../kit/errors.ts'
import { freePort } from '../../kit/ports.ts'

/** Between choosing a free port and publishing it another process may take it. */
const ATTEMPTS = 5

/**
 * @param asked the one port to try; any free one where absent
 * @throws HeadroomError BAD_INPUT, PORT_TAKEN, and what `start` throws
 */
export async function withPublishedPort<T>(
  asked: string | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> {
  if (asked !== undefined) return await start(portOf(asked))
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort())
    } catch (error) {
      const taken = error instanceof HeadroomError && error.code === 'PORT_TAKEN'
      if (!taken || attempt === ATTEMPTS) throw error
    }
  }
}

/** As docker-compose.yml names them: `HEADROOM_PG_DIRECT_PORT`. */
export function portVariable(service: string): string {
  return `HEADROOM_${service.toUpperCase().replaceAll('-', '_')}_PORT`
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new HeadroomError('BAD_INPUT', `"${text}" is not a port`, {
    hint: 'leave the setting out: a free port is chosen',
  })
}
