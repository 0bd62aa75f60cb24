/**
 * Which engines there are. In: a kind, a provider, settings. Out: a running engine. A new engine adds one line here,
 * one to its address in engine.ts, and its name to kinds.ts.
 */
import { clickhouse } from './clickhouse/folder.ts'
import type { EngineFolder, StoringFolder } from './engine-folder.ts'
import type { EngineContext, EngineKind, EngineOf, EngineRequest } from './engine.ts'
import type { ENGINE_KINDS, STORING_KINDS } from './kinds.ts'
import { pgbouncer } from './pgbouncer/folder.ts'
import { postgres } from './postgres/folder.ts'
import { redis } from './redis/folder.ts'

/** Those that hold events. */
export const storingEngines: {
  readonly [Kind in (typeof STORING_KINDS)[number]]: StoringFolder<Kind>
} = {
  postgres,
  clickhouse,
}

export const engines: {
  readonly [Kind in (typeof ENGINE_KINDS)[number]]: EngineFolder<Kind>
} = {
  ...storingEngines,
  redis,
  pgbouncer,
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
): Promise<EngineOf<Kind>> {
  return await engines[kind].start(request, context)
}
