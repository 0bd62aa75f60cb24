/** What the folder of an engine exports: all that the rest of the house asks of one kind of engine that runs. */
import type { StatementStore } from '../architecture/evidence.ts'
import type {
  EngineAddress,
  EngineContext,
  EngineKind,
  EngineOf,
  EngineRequest,
  ObservedServer,
  ObserveOptions,
  StatementOptions,
  StoringKind,
} from './engine.ts'

export interface EngineFolder<Kind extends EngineKind> {
  /** The package that runs it as a local process, on this platform. */
  readonly embedded: { packageName(): string; isInstalled(): boolean }
  /** From every provider there is. */
  start(request: EngineRequest<Kind>, context: EngineContext): Promise<EngineOf<Kind>>
}

/** The folder of an engine that holds events, which a user's own service may write to. */
export interface StoringFolder<Kind extends StoringKind> extends EngineFolder<Kind> {
  /** A server of the user's own behind his own service: only looked at. */
  observe(address: EngineAddress[Kind], options: ObserveOptions): Promise<ObservedServer<Kind>>
  /** The rows of one statement of the user's own. */
  openStatement(
    address: EngineAddress[Kind],
    options: StatementOptions,
  ): Promise<StatementStore & AsyncDisposable>
}
