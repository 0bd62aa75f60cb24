/** What the folder of an engine exports: all that the rest of the house asks of one kind of engine that runs. */
import type { StatementStore } from '../architecture/evidence.ts'
import type {
  EngineAddress,
  EngineContext,
  EngineKind,
  EngineRequest,
  ObservedServer,
  ObserveOptions,
  RunningEngine,
  StatementOptions,
} from './engine.ts'

export interface EngineFolder<Kind extends EngineKind> {
  /** The npm package that runs it as a local process, on this platform. */
  readonly embedded: { packageName(): string; isInstalled(): boolean }
  /** From every provider there is. */
  start(request: EngineRequest<Kind>, context: EngineContext): Promise<RunningEngine<Kind>>
  /** A server of the user's own behind his own service: only looked at. */
  observe(address: EngineAddress[Kind], options: ObserveOptions): Promise<ObservedServer<Kind>>
  /** The rows of one statement of the user's own. */
  openStatement(
    address: EngineAddress[Kind],
    options: StatementOptions,
  ): Promise<StatementStore & AsyncDisposable>
}
