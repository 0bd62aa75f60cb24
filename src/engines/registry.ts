/**
 * Which engines there are. In: a kind, a provider, settings. Out: a running engine. A new engine adds one line to the
 * starters and one to its address in engine.ts.
 */
import type { EngineContext, EngineKind, EngineRequest, RunningEngine } from './engine.ts'
import { startComposeClickHouse } from './clickhouse/compose.ts'
import { startEmbeddedClickHouse } from './clickhouse/embedded.ts'
import { startExternalClickHouse } from './clickhouse/external.ts'
import { startComposePostgres } from './postgres/compose.ts'
import { startEmbeddedPostgres } from './postgres/embedded.ts'
import { startExternalPostgres } from './postgres/external.ts'

type Starters = {
  readonly [Kind in EngineKind]: (
    request: EngineRequest<Kind>,
    context: EngineContext,
  ) => Promise<RunningEngine<Kind>>
}

const starters: Starters = {
  postgres: (request, context) => {
    switch (request.provider) {
      case 'embedded':
        return startEmbeddedPostgres(request.settings, context)
      case 'compose':
        return startComposePostgres(request, context)
      case 'external':
        return startExternalPostgres(request, context)
    }
  },
  clickhouse: (request, context) => {
    switch (request.provider) {
      case 'embedded':
        return startEmbeddedClickHouse(request.settings, context)
      case 'compose':
        return startComposeClickHouse(request, context)
      case 'external':
        return startExternalClickHouse(request, context)
    }
  },
}

/**
 * Starts an engine, or connects to the user's own.
 * @throws HeadroomError ENGINE_MISSING, ENGINE_NOT_READY, ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED, BAD_INPUT, PORT_TAKEN,
 * DISK_FULL
 */
export async function startEngine<Kind extends EngineKind>(
  kind: Kind,
  request: EngineRequest<Kind>,
  context: EngineContext,
): Promise<RunningEngine<Kind>> {
  return starters[kind](request, context)
}
