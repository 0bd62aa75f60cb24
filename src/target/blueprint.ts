/**
 * What an architecture would do, without doing it. In: an architecture, its settings, addresses of its engines. Out: the
 * statements it would run on each engine and the processes it would launch, as data for whoever starts them elsewhere.
 */
import type {
  Architecture,
  EnginesByRole,
  LaunchedPart,
  LaunchOptions,
  NeededKind,
  Needs,
} from '../architecture/architecture.ts'
import type {
  EngineAddress,
  EventsStoreOptions,
  RunningEngine,
  Store,
  StoringKind,
} from '../engines/engine.ts'
import type { WholeNeed } from './roles.ts'
import { needsOf, withNeedsFor } from './roles.ts'

/** Where an engine is reached, by the role an architecture gives it. */
export type AddressOf = (role: string, need: WholeNeed) => EngineAddress[NeededKind]

export interface Blueprint {
  /** Per role of the architecture's needs, in order. */
  readonly schema: readonly {
    readonly role: string
    readonly kind: NeededKind
    readonly address: EngineAddress[NeededKind]
    readonly statements: readonly string[]
  }[]
  /** Their configurations may hold secrets. */
  readonly launches: readonly LaunchOptions[]
}

export interface BlueprintOptions {
  readonly addressOf: AddressOf
  /** As the architecture's own settings parse them. */
  readonly settings: unknown
  readonly schemaVariant: string
}

export async function blueprintOf(
  architecture: Architecture,
  options: BlueprintOptions,
): Promise<Blueprint> {
  const schema = needsOf(withNeedsFor(architecture, options.settings)).map(([role, need]) => ({
    role,
    kind: need.kind,
    address: options.addressOf(role, need),
    many: need.many,
    statements: [] as string[],
  }))
  const launches: LaunchOptions[] = []
  const engines = schema.map(({ role, kind, address, many, statements }) => {
    const engine = paperEngine({ kind, address, statements })
    return [role, many ? [engine] : engine]
  })
  const { settings, schemaVariant } = options
  await architecture.start(
    Object.fromEntries(engines) as EnginesByRole<Needs>,
    { settings, schemaVariant },
    {
      signal: new AbortController().signal,
      log: () => undefined,
      launch: (launch) => {
        launches.push(launch)
        return Promise.resolve([paperPart(architecture.id, launch.name)])
      },
    },
  )
  return { schema, launches }
}

/** Its peers reach it as docker-compose.yml names it. */
function paperPart(architectureId: string, name: string): LaunchedPart {
  const host = name === 'service' ? architectureId : `${architectureId}-${name}`
  return {
    name,
    kind: name.startsWith('worker') ? 'worker' : 'service',
    url: new URL('http://127.0.0.1:1'),
    peerUrl: new URL(`http://${host}:8080`),
    pids: () => [],
    fault: () => Promise.reject(notThere(name)),
  }
}

function paperEngine(paper: {
  readonly kind: NeededKind
  readonly address: EngineAddress[NeededKind]
  readonly statements: string[]
}): RunningEngine {
  const { kind, address, statements } = paper
  return {
    kind,
    name: kind,
    provider: 'external',
    label: kind,
    version: '',
    settings: {},
    addressFor: () => address,
    parts: [],
    probes: [],
    crashed: new Promise<never>(() => undefined),
    control: {
      checkpoint: () => Promise.resolve('nothing-to-do'),
      execute: (sql) => {
        statements.push(sql)
        return Promise.resolve()
      },
    },
    // Of an engine that holds events; others are not asked for one.
    ...{
      eventsStore: ({ name }: EventsStoreOptions) => paperStore(name, kind as StoringKind),
      textRows: () => {
        throw notThere(kind)
      },
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** An architecture names its stores and never reads them; the harness, which would, is not here. */
function paperStore(name: string, engine: StoringKind): Store {
  const refuse = (): never => {
    throw notThere(name)
  }
  return {
    name,
    engine,
    rows: refuse,
    readable: refuse,
    totals: refuse,
    arrivals: refuse,
    load: refuse,
    size: refuse,
  }
}

function notThere(name: string): Error {
  return new Error(`${name} is on paper only: a blueprint starts nothing`)
}
