/** PgBouncer as the registry lists it. */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineFolder } from '../engine-folder.ts'
import { findProgram } from '../packages/program.ts'
import { startComposePgBouncer } from './compose.ts'
import { startEmbeddedPgBouncer } from './embedded.ts'

export const pgbouncer: EngineFolder<'pgbouncer'> = {
  embedded: {
    packageName: () => 'pgbouncer',
    isInstalled: () => findProgram('pgbouncer') !== null,
  },
  start: (request, context) => {
    switch (request.provider) {
      case 'embedded':
        return startEmbeddedPgBouncer(request, context)
      case 'compose':
        return startComposePgBouncer(request, context)
      case 'external':
        return Promise.reject(
          new HeadroomError('BAD_INPUT', 'a PgBouncer of your own is not started here', {
            hint: 'give its address as the PostgreSQL to measure, and leave the pooler out',
          }),
        )
    }
  },
}
