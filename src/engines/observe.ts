/**
 * The user's own servers behind his own service, only looked at. In: a kind and an address. Out: an engine with probes,
 * or the rows of his audit statement. A new kind of engine adds one line to each table.
 */
import type { StatementStore } from '../architecture/evidence.ts'
import { Scope } from '../kit/scope.ts'
import { ClickHouseHttp } from './clickhouse/http.ts'
import { observeClickHouse } from './clickhouse/observed.ts'
import { clickHouseStatementStore } from './clickhouse/statement-store.ts'
import type {
  EngineAddress,
  EngineKind,
  ObservedServer,
  ObserveOptions,
  StatementOptions,
} from './engine.ts'
import { observePostgres } from './postgres/observed.ts'
import { postgresStatementStore } from './postgres/statement-store.ts'

type Observers = {
  readonly [Kind in EngineKind]: (
    address: EngineAddress[Kind],
    options: ObserveOptions,
  ) => Promise<ObservedServer<Kind>>
}
type StatementOpeners = {
  readonly [Kind in EngineKind]: (
    address: EngineAddress[Kind],
    options: StatementOptions,
  ) => Promise<StatementStore & AsyncDisposable>
}

const observers: Observers = { postgres: observePostgres, clickhouse: observeClickHouse }

const statementOpeners: StatementOpeners = {
  postgres: async (address, options) => ({
    ...(await postgresStatementStore(address, options)),
    // Every reading has a connection of its own.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
  clickhouse: async (address, options) => {
    await using scope = new Scope()
    const store = await clickHouseStatementStore(scope.use(new ClickHouseHttp(address)), options)
    const owned = scope.move()
    return { ...store, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
  },
}

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function observeEngine<Kind extends EngineKind>(
  kind: Kind,
  address: EngineAddress[Kind],
  options: ObserveOptions,
): Promise<ObservedServer<Kind>> {
  return await observers[kind](address, options)
}

/** @throws HeadroomError BAD_INPUT for a statement the server refuses, ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function openStatement<Kind extends EngineKind>(
  kind: Kind,
  address: EngineAddress[Kind],
  options: StatementOptions,
): Promise<StatementStore & AsyncDisposable> {
  return await statementOpeners[kind](address, options)
}
