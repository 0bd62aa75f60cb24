/**
 * The user's own servers behind his own service, only looked at. In: a kind and an address. Out: an engine with probes,
 * or the rows of his audit statement.
 */
import type { StatementStore } from '../architecture/evidence.ts'
import type {
  EngineAddress,
  ObservedServer,
  ObserveOptions,
  StatementOptions,
  StoringKind,
} from './engine.ts'
import { storingEngines } from './registry.ts'

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED */
export async function observeEngine<Kind extends StoringKind>(
  kind: Kind,
  address: EngineAddress[Kind],
  options: ObserveOptions,
): Promise<ObservedServer<Kind>> {
  return await storingEngines[kind].observe(address, options)
}

/** @throws HeadroomError BAD_INPUT for a statement the server refuses, ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function openStatement<Kind extends StoringKind>(
  kind: Kind,
  address: EngineAddress[Kind],
  options: StatementOptions,
): Promise<StatementStore & AsyncDisposable> {
  return await storingEngines[kind].openStatement(address, options)
}
