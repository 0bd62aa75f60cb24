/**
 * Target -> running engines -> running architecture. In: a parsed target and where its engines come from. Out: one
 * disposable thing with an address, parts, probes and stores; closing it takes everything down in reverse order.
 */
import type {
  Architecture,
  LaunchedPart,
  LaunchOptions,
  Promises,
  RunningArchitecture,
} from '../architecture/architecture.ts'
import type { Part } from '../architecture/part.ts'
import type { Evidence } from '../architecture/evidence.ts'
import type {
  EngineAddress,
  PostgresAddress,
  EngineImage,
  EngineKind,
  Provider,
  RunningEngine,
  Sized,
} from '../engines/engine.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { Scope } from '../kit/scope.ts'
import { z } from 'zod'
import { openGround, providersOf } from './ground.ts'
import type { QueryName } from '../scenario/scenario.ts'
import { enginesForArchitecture, settingsByNeed } from './hand-over.ts'
import type { LaunchedService } from './launch.ts'
import { partNames } from './launch.ts'
import { enginesArchitecture } from './engines-architecture.ts'
import { architectureById, architectures } from './registry.ts'
import { rolesOf, withNeedsFor } from './roles.ts'
import { bringUpService, factsOfService } from './service-up.ts'
import type { Env, ServiceRequests } from './service-speech.ts'
import type { OwnTarget, Target } from './target.ts'

/**
 * Where an engine kind is reached when it is not started here; by kind. By role what stands on another: replicas of the
 * user's own PostgreSQL.
 */
export type ExternalAddresses = Partial<{ readonly [Kind in EngineKind]: EngineAddress[Kind] }> & {
  readonly roles?: Readonly<Record<string, PostgresAddress>>
}

/** A provider that needs nothing of the user's. */
export type OwnProvider = Exclude<Provider, 'external'>

export interface UpOptions {
  readonly target: Target
  readonly external: ExternalAddresses
  /** Where engines without an address of their own come from; absent: `embedded`. */
  readonly engines?: OwnProvider
  /** Engine data goes below this folder and is removed with the target. */
  readonly dataDir: string
  /** Logs go here and stay. */
  readonly logDir: string
  /** Names what is created on the user's own servers. */
  readonly runId: string
  /** Where that is written down first; needed for external engines. */
  readonly ledgerDir?: string
  readonly signal: AbortSignal
  readonly log: Log
  readonly onEngineReady: (engine: RunningEngine, tookMs: number) => void
  /** Where `${env.NAME}` of a target of the user's own is looked up. Default: this process's environment. */
  readonly env?: Env
  /** The mark in the run's identifiers, and when the run began: for the audit of a service of the user's own. */
  readonly mark?: string
  readonly startedAt?: Date
}

/** What a record says of a target, besides its file. */
export interface TargetFacts {
  readonly id: string
  readonly title: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly promises: Promises
  /** Whether requests share statements or commits; absent: not known, as of a service of the user's own. */
  readonly batches?: boolean
  readonly partsToOperate: readonly string[]
  /** Those of a scenario's queries that it is asked. */
  readonly queries: readonly QueryName[]
  /** What its settings ask for and its engines cannot do. */
  readonly notMeasured?: readonly string[]
  /** What its settings left to be decided by what its engines have. */
  readonly decided?: readonly string[]
  /** Of its own processes, where they run in containers. */
  readonly images?: readonly (EngineImage & { readonly part: string })[]
}

export interface RunningTarget extends AsyncDisposable {
  readonly target: Target
  readonly facts: TargetFacts
  readonly promises: Promises
  readonly engines: readonly { readonly role: string; readonly engine: RunningEngine }[]
  readonly running: RunningArchitecture
  /** What only carries traffic to the parts; absent: nothing does. */
  readonly plumbing?: readonly Part[]
  /** How what was stored is learned. */
  readonly evidence: Evidence
  /** What can be asked for its bytes on disk. */
  readonly sized: readonly Sized[]
  /** How a service of the user's own is spoken to; null: as the HTTP contract has it. */
  readonly requests: ServiceRequests | null
  /** Whether CHECKPOINTs may be run at the known moments. */
  readonly checkpoints: boolean
  /** Resolves when an engine or a service dies without being asked to; never rejects. */
  readonly crashed: Promise<Crash>
}

export interface Crash {
  readonly by: 'engine' | 'service'
  readonly message: string
}

/** The architecture with what its settings need, and its settings after defaults. Throws BAD_INPUT listing every problem. */
export function parseArchitectureSettings(target: OwnTarget): {
  readonly architecture: Architecture
  readonly settings: Readonly<Record<string, unknown>>
} {
  const architecture = architectureOf(target)
  if (!architecture.schemaVariants.includes(target.schemaVariant)) {
    throw new HeadroomError(
      'BAD_INPUT',
      `${architecture.id} has no schema variant "${target.schemaVariant}"`,
      {
        hint: `it has: ${architecture.schemaVariants.join(', ')}`,
      },
    )
  }
  const parsed = architecture.settings.safeParse(target.settings)
  if (!parsed.success) {
    throw new HeadroomError(
      'BAD_INPUT',
      `settings of target ${target.name} are not what ${architecture.id} takes`,
      {
        hint: z.prettifyError(parsed.error),
      },
    )
  }
  const asked = withNeedsFor(architecture, parsed.data)
  requireRoles(asked, target)
  return { architecture: asked, settings: parsed.data as Readonly<Record<string, unknown>> }
}

function requireRoles({ id, needs }: Architecture, { engines }: OwnTarget): void {
  const unknown = Object.keys(engines).filter((role) => !(role in needs))
  if (unknown.length === 0) return
  throw new HeadroomError('BAD_INPUT', `${id} has no engine role ${unknown.join(', ')}`, {
    hint: `its roles: ${Object.keys(needs).join(', ')}`,
  })
}

/** Between engines and the driver there is none. */
function serviceOf({ kind }: OwnTarget): readonly string[] {
  return kind === 'engines' ? [] : ['service']
}

/** @throws HeadroomError UNKNOWN_TARGET */
function architectureOf(target: OwnTarget): Architecture {
  if (target.kind === 'engines') return enginesArchitecture(target)
  const architecture = architectureById(target.architecture)
  if (architecture !== undefined) return architecture
  throw new HeadroomError('UNKNOWN_TARGET', `no architecture is called "${target.architecture}"`, {
    hint: `known: ${architectures.map((known) => known.id).join(', ')}`,
  })
}

/** What is known of a target before it is up. @throws HeadroomError BAD_INPUT, UNKNOWN_TARGET */
export function factsBefore(target: Target): TargetFacts {
  if (target.kind === 'service') return factsOfService(target)
  const { architecture, settings } = parseArchitectureSettings(target)
  const roles = rolesOf(architecture, target)
  const noSettings = settingsByNeed(architecture, roles, [])
  return {
    id: architecture.id,
    title: architecture.title,
    settings,
    promises: architecture.promises(settings, noSettings, target.schemaVariant),
    batches: architecture.batches(settings),
    partsToOperate: [
      ...serviceOf(target),
      ...(architecture.alongside ?? []),
      ...roles.map(({ kind }) => kind),
    ],
    queries: architecture.queries,
  }
}

/**
 * The folder below which a target's engines keep their data. null where any of it lies on a disk that is not seen from
 * here: below Docker's data root, on a server of the user's own, wherever his service stores.
 */
export function dataDiskOf(
  target: Target,
  options: Pick<UpOptions, 'external' | 'engines' | 'dataDir'>,
): string | null {
  if (target.kind === 'service') return null
  const { architecture } = parseArchitectureSettings(target)
  const providers = [...providersOf(rolesOf(architecture, target), options).values()]
  return providers.every((provider) => provider === 'embedded') ? options.dataDir : null
}

export async function bringUp(options: UpOptions): Promise<RunningTarget> {
  const { target } = options
  return target.kind === 'service'
    ? await bringUpService(target, options)
    : await bringUpArchitecture(target, options)
}

async function bringUpArchitecture(target: OwnTarget, options: UpOptions): Promise<RunningTarget> {
  const { architecture, settings } = parseArchitectureSettings(target)
  await using scope = new Scope()
  const roles = rolesOf(architecture, target)
  const ground = scope.use(await openGround(target, roles, options))

  const engines: { role: string; engine: RunningEngine }[] = []
  for (const role of roles) {
    const startedAtMs = performance.now()
    const upstream = engines.find((other) => other.role === role.of)?.engine
    const engine = scope.use(await ground.startRole(role, upstream))
    engines.push({ role: role.name, engine })
    options.onEngineReady(engine, performance.now() - startedAtMs)
  }

  const services: LaunchedService[] = []
  const launch = async (launchOptions: LaunchOptions): Promise<readonly LaunchedPart[]> => {
    const parts: LaunchedService[] = []
    for (const name of partNames(launchOptions)) {
      parts.push(scope.use(await ground.launch({ ...launchOptions, name })))
    }
    services.push(...parts)
    return parts
  }
  const running = await architecture.start(
    enginesForArchitecture(architecture, roles, engines),
    { settings, schemaVariant: target.schemaVariant },
    { signal: options.signal, log: options.log, launch },
  )
  const engineSettings = settingsByNeed(architecture, roles, engines)

  const promises = architecture.promises(settings, engineSettings, target.schemaVariant)
  const owned = scope.move()
  return {
    target,
    facts: {
      ...factsBefore(target),
      promises,
      partsToOperate: [
        ...running.parts.map((part) => part.name),
        ...engines.map(({ engine }) => engine.kind),
      ],
      ...imagesOf(services),
      ...(running.notMeasured === undefined ? {} : { notMeasured: running.notMeasured }),
      ...(running.decided === undefined ? {} : { decided: running.decided }),
    },
    promises,
    engines,
    running,
    plumbing: ground.plumbing,
    evidence: { by: 'stores' },
    sized: running.stores,
    requests: null,
    checkpoints: true,
    crashed: firstCrash(engines, services),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

function firstCrash(
  engines: RunningTarget['engines'],
  services: readonly LaunchedService[],
): Promise<Crash> {
  return Promise.race([
    ...engines.map(async ({ engine }): Promise<Crash> => ({
      by: 'engine',
      message: await engine.crashed,
    })),
    ...services.map(async (service): Promise<Crash> => ({
      by: 'service',
      message: await service.crashed,
    })),
  ])
}

function imagesOf(services: readonly LaunchedService[]): Pick<TargetFacts, 'images'> {
  const images = services.flatMap(({ name, image }) =>
    image === undefined ? [] : [{ part: name, ...image }],
  )
  return images.length === 0 ? {} : { images }
}
