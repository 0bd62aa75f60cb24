/** Redis as the registry lists it. */
import type { EngineFolder } from '../engine-folder.ts'
import { findProgram } from '../packages/program.ts'
import { startComposeRedis } from './compose.ts'
import { startEmbeddedRedis } from './embedded.ts'
import { startExternalRedis } from './external.ts'

export const redis: EngineFolder<'redis'> = {
  embedded: { packageName: () => 'redis-server', isInstalled: () => findProgram('redis') !== null },
  start: (request, context) => {
    switch (request.provider) {
      case 'embedded':
        return startEmbeddedRedis(request.settings, context)
      case 'compose':
        return startComposeRedis(request, context)
      case 'external':
        return startExternalRedis(request, context)
    }
  },
}
