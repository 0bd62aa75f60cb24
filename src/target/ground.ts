/**
 * Where a target's parts run. In: a target and what the user chose. Out: a way to start each engine and each process:
 * here, in containers of one compose project, or on the user's own servers. Closing it closes the project.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Part } from '../architecture/part.ts'
import { ComposeProject } from '../engines/compose/project.ts'
import type {
  EngineAddress,
  EngineContext,
  EngineKind,
  Provider,
  RunningEngine,
} from '../engines/engine.ts'
import { howToName } from '../engines/kinds.ts'
import { startEngine } from '../engines/registry.ts'
import { HeadroomError } from '../kit/errors.ts'
import { containerLauncher } from './launch-container.ts'
import { hostLauncher } from './launch-host.ts'
import type { Launcher } from './launch.ts'
import type { Role } from './roles.ts'
import { engineName } from './roles.ts'
import type { OwnTarget } from './target.ts'
import type { UpOptions } from './up.ts'

export interface Ground extends AsyncDisposable {
  /** @param upstream what it stands on, running; absent where it stands alone */
  startRole(role: Role, upstream?: RunningEngine): Promise<RunningEngine>
  readonly launch: Launcher
  /** What only carries traffic to the parts; its processor time is neither theirs nor a stranger's. */
  readonly plumbing: readonly Part[]
}

/** @throws HeadroomError BAD_INPUT, DOCKER_MISSING, DOCKER_NOT_RUNNING, COMPOSE_TOO_OLD */
export async function openGround(
  target: OwnTarget,
  roles: readonly Role[],
  options: UpOptions,
): Promise<Ground> {
  const providers = providersOf(roles, options)
  // Before the first of them is started or touched.
  for (const role of roles)
    if (providers.get(role.name) === 'external') ownAddress(role, target, options)
  const inContainers = [...providers.values()].filter((provider) => provider === 'compose').length
  const project =
    inContainers === 0
      ? null
      : await ComposeProject.open({
          runId: options.runId,
          dataDir: join(options.dataDir, 'compose'),
          logDir: options.logDir,
          // A container cannot reach this host's loopback: with any engine elsewhere the service stays here too.
          servicesInside: inContainers === providers.size,
          signal: options.signal,
          log: options.log,
        })
  return {
    launch:
      project?.options.servicesInside === true ? containerLauncher(project) : hostLauncher(options),
    plumbing: project === null ? [] : [project.proxies],
    startRole: (role, upstream) =>
      startRole({ role, upstream, target, providers, project }, options),
    [Symbol.asyncDispose]: async () => {
      await project?.[Symbol.asyncDispose]()
    },
  }
}

/**
 * By role: the target's own word first, then a server that the user named, then what the command line chose. A replica is
 * where its primary is; a pooler is started here even in front of the user's own server.
 */
export function providersOf(
  roles: readonly Role[],
  options: Pick<UpOptions, 'external' | 'engines'>,
): ReadonlyMap<string, Provider> {
  const providers = new Map<string, Provider>()
  for (const { name, kind, of, provider } of roles) {
    const under = of === null ? undefined : providers.get(of)
    const chosen = options.engines ?? 'embedded'
    const alone = options.external[kind] === undefined ? chosen : 'external'
    const standing = kind === 'pgbouncer' && under === 'external' ? chosen : under
    providers.set(name, provider ?? standing ?? alone)
  }
  return providers
}

interface Wanted {
  readonly role: Role
  readonly upstream: RunningEngine | undefined
  readonly target: OwnTarget
  readonly providers: ReadonlyMap<string, Provider>
  readonly project: ComposeProject | null
}

async function startRole(
  { role, upstream, target, providers, project }: Wanted,
  options: UpOptions,
): Promise<RunningEngine> {
  const { kind, extensions, wants } = role
  const provider = providers.get(role.name)
  if (provider === undefined) throw new Error(`there is no role ${role.name}`)
  const wanted = {
    settings: role.settings,
    ...(extensions.length === 0 ? {} : { extensions }),
    ...(wants.length === 0 ? {} : { wants }),
    ...(upstream === undefined ? {} : { upstream }),
  }
  const dataDir = join(options.dataDir, role.name)
  await mkdir(dataDir, { recursive: true })
  const context: EngineContext = {
    dataDir,
    logDir: options.logDir,
    name: engineName(role),
    runId: options.runId,
    ...(options.ledgerDir === undefined ? {} : { ledgerDir: options.ledgerDir }),
    signal: options.signal,
    log: options.log,
  }
  switch (provider) {
    case 'embedded':
      return await startEngine(kind, { provider, ...wanted }, context)
    case 'compose':
      if (project === null) throw new Error('no compose project was opened')
      return await startEngine(kind, { provider, ...wanted, project }, context)
    case 'external': {
      const address = ownAddress(role, target, options)
      return await startEngine(kind, { provider, ...wanted, address }, context)
    }
  }
}

/**
 * One address is one server: a replica of the user's own has another, by its role.
 * @throws HeadroomError BAD_INPUT
 */
export function ownAddress(
  { name, kind, of }: Pick<Role, 'name' | 'kind' | 'of'>,
  target: Pick<OwnTarget, 'name'>,
  { external }: Pick<UpOptions, 'external'>,
): EngineAddress[EngineKind] {
  const { roles = {} } = external
  const address = of === null || kind === 'pgbouncer' ? external[kind] : roles[name]
  if (address !== undefined) return address
  if (of === null || kind === 'pgbouncer') throw noAddress(target, kind)
  const named = Object.keys(roles)
  const has = named.length === 0 ? '' : ` (it names ${named.join(', ')})`
  throw new HeadroomError(
    'BAD_INPUT',
    `target ${target.name} wants ${name}, a second ${kind} beside your own`,
    {
      hint: `give the address of a streaming replica of it in engines.yaml: roles: { ${name}: { dsn: … } }${has}; or leave out your own server, and both are started here`,
    },
  )
}

function noAddress(target: Pick<OwnTarget, 'name'>, kind: EngineKind): HeadroomError {
  if (kind === 'pgbouncer') {
    return new HeadroomError('BAD_INPUT', `target ${target.name} wants a PgBouncer of your own`, {
      hint: 'give its address as the PostgreSQL to measure, and leave the pooler out',
    })
  }
  const message = `target ${target.name} wants an external ${kind}, but none is named`
  return new HeadroomError('BAD_INPUT', message, {
    hint: howToName(kind),
  })
}
