/** Whether targets have what a scenario's faults name. In: both, parsed. Out: nothing, or every problem at once. */
import type { NeededKind } from '../architecture/architecture.ts'
import { HeadroomError } from '../kit/errors.ts'
import { suggest } from '../kit/nearest.ts'
import type { Fault } from '../scenario/fault.ts'
import { faultInWords } from '../scenario/fault.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { blueprintOf } from './blueprint.ts'
import { providersOf } from './ground.ts'
import { partNames } from './launch.ts'
import type { Role } from './roles.ts'
import { engineName, rolesOf } from './roles.ts'
import type { OwnTarget, Target } from './target.ts'
import type { UpOptions } from './up.ts'
import { parseArchitectureSettings } from './up.ts'

type Whereabouts = Pick<UpOptions, 'external' | 'engines'>

/** @throws HeadroomError BAD_INPUT naming each fault that a target has no part for */
export async function requireFaults(
  targets: readonly Target[],
  scenario: Pick<Scenario, 'name' | 'faults'>,
  where: Whereabouts,
): Promise<void> {
  if (scenario.faults.length === 0) return
  const problems: string[] = []
  for (const target of targets) problems.push(...(await problemsOf(target, scenario.faults, where)))
  if (problems.length === 0) return
  const message = `scenario ${scenario.name} has faults that cannot be put on its targets: ${problems.join('; ')}`
  throw new HeadroomError('BAD_INPUT', message, {
    hint: 'choose other targets, or a scenario without these faults',
  })
}

async function problemsOf(
  target: Target,
  faults: readonly Fault[],
  where: Whereabouts,
): Promise<readonly string[]> {
  if (target.kind === 'service') {
    return [`${target.name} is not an architecture of Headroom: nothing of it is broken on purpose`]
  }
  const { architecture } = parseArchitectureSettings(target)
  const roles = rolesOf(architecture, target)
  const providers = providersOf(roles, where)
  const own = roles.filter(({ name }) => providers.get(name) === 'external')
  const engines = roles.filter((role) => !own.includes(role))
  const parts = [...(await processesOf(target)), ...engines.map(engineName)]
  return faults.flatMap((fault): readonly string[] => {
    const [wanted, known, ownNames] =
      fault.kind === 'kill' || fault.kind === 'freeze'
        ? [fault.part, parts, own.map(engineName)]
        : [fault.role, engines.map(({ name }) => name), own.map(({ name }) => name)]
    if (known.includes(wanted))
      return fault.kind === 'restore' ? archiveProblems(wanted, engines, target) : []
    if (ownNames.includes(wanted)) {
      return [`${wanted} of ${target.name} is a server of your own, which is never broken`]
    }
    const has = suggest(wanted, known)
    return [`${target.name} has no ${wanted} (${faultInWords(fault)}): ${has}`]
  })
}

function archiveProblems(
  name: string,
  engines: readonly Role[],
  target: OwnTarget,
): readonly string[] {
  const role = engines.find((engine) => engine.name === name)
  if (role?.kind !== 'postgres' || role.of !== null)
    return [`${name} of ${target.name} is no PostgreSQL that could be restored`]
  const mode = role.settings['archive_mode'] ?? 'off'
  if (['on', 'always'].includes(mode)) return []
  return [`${name} of ${target.name} archives nothing: set archive_mode: on under its settings`]
}

/** Names of the processes it would launch. */
async function processesOf(target: OwnTarget): Promise<readonly string[]> {
  const { architecture, settings } = parseArchitectureSettings(target)
  const { launches } = await blueprintOf(architecture, {
    addressOf: (_role, { kind }) => NOWHERE[kind],
    settings,
    schemaVariant: target.schemaVariant,
  })
  return launches.flatMap(partNames)
}

/** A blueprint needs addresses and calls none. */
const NOWHERE = {
  postgres: { host: 'nowhere', port: 1, user: 'nobody', database: 'none', tls: 'off' },
  clickhouse: { url: 'http://nowhere:1', user: 'nobody', database: 'none' },
  redis: { host: 'nowhere', port: 1, database: 0, tls: 'off' },
} as const satisfies Readonly<Record<NeededKind, unknown>>
