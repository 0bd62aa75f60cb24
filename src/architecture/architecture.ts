/**
 * The contract between the harness and a reference implementation. The harness starts engines and processes and audits
 * stores; an architecture says what it needs, applies its schema and names the processes it wants launched.
 */
import type { z } from 'zod'
import type { Probe } from '../collect/probe.ts'
import type { EngineKind, EngineOf, EngineSettings, Store } from '../engines/engine.ts'
import type { QueryName, ShapeName } from '../scenario/scenario.ts'
import type { Part } from './part.ts'
import type { Projection } from './projection.ts'
import type { SqlWriting } from './sql-writes.ts'

/** Engines that an architecture can need; a pooler is put in front of one by the target. */
export type NeededKind = Exclude<EngineKind, 'pgbouncer'>

/** An engine with more to say than its kind. */
export interface Need {
  readonly kind: NeededKind
  /** The role it stands on: a PostgreSQL `of` another is its streaming replica. Absent: it stands alone. */
  readonly of?: string | null
  /** Extensions that must be there: `timescaledb`. */
  readonly extensions?: readonly string[]
  /** Extensions that are used where the server has them, and done without where not; `facts` of the engine says which. */
  readonly wants?: readonly string[]
  /** There only where `needsWith` names it; absent: always. */
  readonly optional?: boolean
  /** As many as `engines.<role>.count` of the target says; absent: one. */
  readonly many?: boolean
}

/** Role → engine: `{ database: 'postgres', replica: { kind: 'postgres', of: 'database', many: true } }`. */
export type Needs = Readonly<Record<string, NeededKind | Need>>

type KindOf<N extends NeededKind | Need> = N extends Need ? N['kind'] : Extract<N, NeededKind>

/** What `start` is given, by role: one engine, all of a role that may be many, none of one that the settings leave out. */
export type EnginesByRole<N extends Needs> = {
  readonly [Role in keyof N]:
    | (N[Role] extends { readonly many: true }
        ? readonly EngineOf<KindOf<N[Role]>>[]
        : EngineOf<KindOf<N[Role]>>)
    | (N[Role] extends { readonly optional: true } ? undefined : never)
}

/** What an acknowledged event has been promised, per store. */
export interface StorePromise {
  /** Name of the store this is about; the same name as in `RunningArchitecture.stores`. */
  readonly store: string
  /** The worst thing an acknowledged event survives. */
  readonly survives: 'nothing' | 'process-kill' | 'power-loss' | 'node-loss'
  /** Where it survives nothing: the parts whose end explains a loss, as that of no other does: `postgres`. Absent: nobody’s. */
  readonly lostWith?: readonly string[]
  /** Their end leaves nothing, however long ago it was stored, as of an UNLOGGED table. Absent: only what was new is at risk. */
  readonly emptied?: boolean
  readonly delivery: 'at-most-once' | 'at-least-once' | 'exactly-once'
  readonly readAfterAck: 'at-once' | 'eventually'
  /** Whether a repeated event leaves one raw row, one readable row, or several. */
  readonly duplicates: 'one-row' | 'one-readable' | 'kept'
}

export interface Promises {
  /** What a 2xx means, in a sentence for the report. */
  readonly ack: string
  readonly stores: readonly StorePromise[]
  /** Of `RunningArchitecture.projections`, by name; absent: it has none. */
  readonly projections?: readonly StorePromise[]
}

export interface LaunchOptions {
  /** Short name, unique in the architecture: `service`, `worker`. */
  readonly name: string
  /** Path below the package root: `reference-impl/pg-direct/service.ts`. */
  readonly entry: string
  readonly replicas: number
  /** Handed to the process as JSON (stdin here, HEADROOM_CONFIG in a container); may hold secrets, so it is never logged. */
  readonly config: unknown
}

/** A launched process (group) of an architecture. */
export interface LaunchedPart extends Part {
  /** Base address the process printed in its ready line; null for a worker without a socket. */
  readonly url: URL | null
  /** The same as another part of the architecture reaches it: containers know each other by name. */
  readonly peerUrl: URL | null
}

export interface ArchitectureContext {
  readonly signal: AbortSignal
  readonly log: (line: string) => void
  /** Starts a process on the host (or in a container under compose); it is stopped with the target. */
  launch(options: LaunchOptions): Promise<readonly LaunchedPart[]>
}

export interface RunningArchitecture {
  readonly ingestUrl: URL
  readonly parts: readonly LaunchedPart[]
  /** Probes of the architecture's own queues and lags, beside those of its engines. */
  readonly probes: readonly Probe[]
  readonly stores: readonly Store[]
  /** What is derived from acknowledged events and read by users; absent: nothing. The audit makes it anew and compares. */
  readonly projections?: readonly Projection[]
  /** Where nothing listens for HTTP: the driver writes this way. Absent: over HTTP. */
  readonly writes?: SqlWriting
  /** Sentences without a full stop: what settings ask for and these engines cannot do. Absent: nothing. */
  readonly notMeasured?: readonly string[]
  /** Sentences without a full stop: what settings left to be decided by what these engines have. Absent: nothing. */
  readonly decided?: readonly string[]
}

export interface Architecture<N extends Needs = Needs, Settings = unknown> {
  readonly id: string
  readonly title: string
  /** Documented ids of mission-map.md this implements, for the catalogue. */
  readonly documents: readonly string[]
  /** Shapes of events that its tables hold and its service takes; a scenario of another is refused. */
  readonly shapes: readonly ShapeName[]
  /** What its service answers at /v1/queries/{name}; a scenario's others are not asked of it. */
  readonly queries: readonly QueryName[]
  /** By role, all that any settings can ask for. */
  readonly needs: N
  /** What these settings ask for of it; absent: all, as it stands. */
  needsWith?(settings: Settings): { readonly [Role in keyof N]?: NeededKind | Need }
  /** Names of the processes it launches beside its service, each by the entry file of that name; absent: none. */
  readonly alongside?: readonly string[]
  readonly schemaVariants: readonly string[]
  readonly settings: z.ZodType<Settings>
  /** Whether requests under way at the same moment share a statement or a commit: then more of that is not what moves it. */
  batches(settings: Settings): boolean
  /** @throws HeadroomError BAD_INPUT where the settings contradict each other or the schema variant */
  promises(
    settings: Settings,
    engineSettings: EngineSettingsByRole<N>,
    schemaVariant: string,
  ): Promises
  start(
    engines: EnginesByRole<N>,
    options: { readonly settings: Settings; readonly schemaVariant: string },
    context: ArchitectureContext,
  ): Promise<RunningArchitecture>
}

/** Of a role that may be many, those of each; none of one that the settings leave out. */
export type EngineSettingsByRole<N extends Needs> = {
  readonly [Role in keyof N]:
    | (N[Role] extends { readonly many: true } ? readonly EngineSettings[] : EngineSettings)
    | (N[Role] extends { readonly optional: true } ? undefined : never)
}

/** Erases the type parameters for the registry, after the compiler has checked them. */
export function defineArchitecture<const N extends Needs, Settings>(
  architecture: Architecture<N, Settings>,
): Architecture {
  return architecture
}
