/**
 * A port for a server that is started here. In: the port a target asks for, or none. Out: what `start` made on it. Where none
 * was asked for, another process may take the free one before the server listens: then the next one is tried.
 */
import { HeadroomError } from '../kit/errors.ts'
import { freePort, portIsFree } from '../kit/ports.ts'
import type { EngineContext } from './engine.ts'

const ATTEMPTS_MAX = 5

/** @throws HeadroomError BAD_INPUT, PORT_TAKEN, and what `start` throws */
export async function onFreePort<T>(
  asked: string | undefined,
  { name, log }: Pick<EngineContext, 'name' | 'log'>,
  start: (port: number) => Promise<T>,
): Promise<T> {
  if (asked !== undefined) return await start(await requirePort(asked, name))
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort())
    } catch (error) {
      const taken = error instanceof HeadroomError && error.code === 'PORT_TAKEN'
      if (!taken || attempt === ATTEMPTS_MAX) throw error
      log(`${name}: ${error.message}; trying another`)
    }
  }
}

async function requirePort(text: string, name: string): Promise<number> {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new HeadroomError('BAD_INPUT', `the port setting of ${name}: "${text}" is not a port`)
  }
  if (await portIsFree(port)) return port
  throw new HeadroomError(
    'PORT_TAKEN',
    `port ${text} is taken: ${name} cannot listen on 127.0.0.1`,
    {
      hint: 'leave the port out of the settings: a free one is chosen',
    },
  )
}
