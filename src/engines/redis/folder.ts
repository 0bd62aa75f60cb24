/** Redis as the registry lists it. */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineFolder } from '../engine-folder.ts'

export const redis: EngineFolder<'redis'> = {
  embedded: { packageName: () => 'redis-server', isInstalled: () => false },
  start: () => Promise.reject(new HeadroomError('ENGINE_MISSING', 'Redis cannot be started yet')),
}
