/** PgBouncer as the registry lists it. */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineFolder } from '../engine-folder.ts'

export const pgbouncer: EngineFolder<'pgbouncer'> = {
  embedded: { packageName: () => 'pgbouncer', isInstalled: () => false },
  start: () =>
    Promise.reject(new HeadroomError('ENGINE_MISSING', 'PgBouncer cannot be started yet')),
}
