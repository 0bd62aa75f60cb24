/**
 * Where a target's parts run. In: a target and what the user chose. Out: a way to start each engine and each process:
 * here, in containers of one compose project, or on the user's own servers. Closing it closes the project.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Part } from '../architecture/part.ts'
import { ComposeProject } from '../engines/compose/project.ts'
import type { EngineContext, EngineKind, Provider, RunningEngine } from '../engines/engine.ts'
import { howToName } from '../engines/kinds.ts'
import { startEngine } from '../engines/registry.ts'
import { HeadroomError } from '../kit/errors.ts'
import { containerLauncher } from './launch-container.ts'
import { hostLauncher } from './launch-host.ts'
import type { Launcher } from './launch.ts'
import type { ArchitectureTarget } from './target.ts'
import type { UpOptions } from './up.ts'

export interface Ground extends AsyncDisposable {
  startRole(role: string): Promise<RunningEngine>
  readonly launch: Launcher
  /** What only carries traffic to the parts; its processor time is neither theirs nor a stranger's. */
  readonly plumbing: readonly Part[]
}

/** Role → engine kind, and who is asked for one. */
type Needs = Readonly<Record<string, EngineKind>>

/** @throws HeadroomError BAD_INPUT, DOCKER_MISSING, DOCKER_NOT_RUNNING, COMPOSE_TOO_OLD */
export async function openGround(
  target: ArchitectureTarget,
  needs: Needs,
  options: UpOptions,
): Promise<Ground> {
  const providers = providersOf(target, needs, options)
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
    startRole: (role) => startRole({ role, target, needs, providers, project }, options),
    [Symbol.asyncDispose]: async () => {
      await project?.[Symbol.asyncDispose]()
    },
  }
}

/** The target's own word first, then a server that the user named, then what the command line chose. */
export function providersOf(
  target: ArchitectureTarget,
  needs: Needs,
  options: Pick<UpOptions, 'external' | 'engines'>,
): ReadonlyMap<string, Provider> {
  return new Map(
    Object.entries(needs).map(([role, kind]) => {
      const named = options.external[kind] === undefined ? options.engines : 'external'
      return [role, target.engines[role]?.provider ?? named ?? 'embedded']
    }),
  )
}

interface Wanted {
  readonly role: string
  readonly target: ArchitectureTarget
  readonly needs: Needs
  readonly providers: ReadonlyMap<string, Provider>
  readonly project: ComposeProject | null
}

async function startRole(
  { role, target, needs, providers, project }: Wanted,
  options: UpOptions,
): Promise<RunningEngine> {
  const kind = needs[role]
  const provider = providers.get(role)
  if (kind === undefined || provider === undefined) throw new Error(`there is no role ${role}`)
  const settings = Object.fromEntries(
    Object.entries(target.engines[role]?.settings ?? {}).map(([name, value]) => [
      name,
      String(value),
    ]),
  )
  const dataDir = join(options.dataDir, role)
  await mkdir(dataDir, { recursive: true })
  const context: EngineContext = {
    dataDir,
    logDir: options.logDir,
    name: kind,
    runId: options.runId,
    ...(options.ledgerDir === undefined ? {} : { ledgerDir: options.ledgerDir }),
    signal: options.signal,
    log: options.log,
  }
  switch (provider) {
    case 'embedded':
      return await startEngine(kind, { provider, settings }, context)
    case 'compose':
      if (project === null) throw new Error('no compose project was opened')
      return await startEngine(kind, { provider, settings, project }, context)
    case 'external': {
      const address = options.external[kind]
      if (address === undefined) throw noAddress(target, kind)
      return await startEngine(kind, { provider, settings, address }, context)
    }
  }
}

function noAddress(target: ArchitectureTarget, kind: EngineKind): HeadroomError {
  const message = `target ${target.name} wants an external ${kind}, but none is named`
  return new HeadroomError('BAD_INPUT', message, {
    hint: howToName(kind),
  })
}
