/**
 * Which engines there are. In: a kind, a provider, settings. Out: a running engine. A new engine adds one line here,
 * one to its address in engine.ts, and its name to kinds.ts.
 */
import { clickhouse } from './clickhouse/folder.ts'
import type { EngineFolder } from './engine-folder.ts'
import type { EngineContext, EngineKind, EngineRequest, RunningEngine } from './engine.ts'
import type { ENGINE_KINDS } from './kinds.ts'
import { postgres } from './postgres/folder.ts'

export const engines: {
  readonly [Kind in (typeof ENGINE_KINDS)[number]]: EngineFolder<Kind>
} = {
  postgres,
  clickhouse,
}

/**
 * Starts an engine, or connects to the user's own.
 * @throws HeadroomError ENGINE_MISSING, ENGINE_NOT_READY, ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED,
 * ENGINE_RIGHTS_MISSING, BAD_INPUT, PORT_TAKEN, DISK_FULL
 */
export async function startEngine<Kind extends EngineKind>(
  kind: Kind,
  request: EngineRequest<Kind>,
  context: EngineContext,
): Promise<RunningEngine<Kind>> {
  return await engines[kind].start(request, context)
}
