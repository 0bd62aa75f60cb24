/** PostgreSQL as the registry lists it. */
import type { StoringFolder } from '../engine-folder.ts'
import { findNativeDir, postgresPackage } from './binaries.ts'
import { startComposePostgres } from './compose.ts'
import { startComposeReplica } from './compose-replica.ts'
import { startEmbeddedPostgres } from './embedded.ts'
import { startExternalPostgres } from './external.ts'
import { startExternalReplica } from './external-replica.ts'
import { observePostgres } from './observed.ts'
import { startEmbeddedReplica } from './replica.ts'
import { postgresStatementStore } from './statement-store.ts'

export const postgres: StoringFolder<'postgres'> = {
  embedded: { packageName: postgresPackage, isInstalled: () => findNativeDir() !== null },
  start: (request, context) => {
    switch (request.provider) {
      case 'embedded':
        return request.upstream === undefined
          ? startEmbeddedPostgres(request.settings, context, {
              extensions: request.extensions ?? [],
              wants: request.wants ?? [],
            })
          : startEmbeddedReplica(request.settings, request.upstream, context)
      case 'compose':
        return request.upstream === undefined
          ? startComposePostgres(request, context)
          : startComposeReplica(request, request.upstream, context)
      case 'external':
        return request.upstream === undefined
          ? startExternalPostgres(request, context)
          : startExternalReplica(request, request.upstream, context)
    }
  },
  observe: observePostgres,
  openStatement: async (address, options) => ({
    ...(await postgresStatementStore(address, options)),
    // Every reading has a connection of its own.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
}
