/**
 * `headroom run --dry-run`. In: a scenario, targets and the user's own servers. Out: what a run would create, where, with
 * which rights, and which settings are not in force. It connects and reads; nothing is created, here or there.
 */
import { OWN_NAME_FORM, ownName } from '../engines/own-name.ts'
import type { InspectionRequest, ServerInspection } from '../engines/own-server.ts'
import { isServerKind, ownServers } from '../engines/own-servers.ts'
import { inspectReplica } from '../engines/postgres/external-replica.ts'
import { assert } from '../kit/errors.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from '../target/target.ts'
import { ownAddress, providersOf } from '../target/ground.ts'
import type { Role } from '../target/roles.ts'
import { rolesOf } from '../target/roles.ts'
import type { OwnProvider } from '../target/up.ts'
import { parseArchitectureSettings } from '../target/up.ts'
import type { CommandContext } from './command.ts'
import type { External } from './external-engines.ts'

export interface DryRunInputs {
  readonly scenario: Scenario
  readonly targets: readonly Target[]
  readonly external: External
  /** Where engines come from that have no server of the user's own. */
  readonly engines: OwnProvider
  readonly json: boolean
}

export interface TargetPlan {
  readonly target: string
  /** Each makes its own and removes it before the next begins. */
  readonly runs: number
  readonly engines: readonly EnginePlan[]
}

interface EnginePlan {
  readonly role: string
  readonly kind: string
  readonly provider: string
  /** The user's own server; null where the engine would be started here. */
  readonly server: (ServerInspection & { readonly where: string }) | null
}

/** @throws HeadroomError as a run would, before it creates anything */
export async function tellDryRun(inputs: DryRunInputs, context: CommandContext): Promise<number> {
  const { terminal, signal } = context
  const plans = await targetPlans(inputs, signal)
  if (inputs.json) terminal.data(JSON.stringify({ created: [], targets: plans }, null, 2))
  else for (const line of linesOf(plans)) terminal.data(line)
  return 0
}

/** What each target's runs would make, and where. @throws as a run would, before it creates anything */
export async function targetPlans(
  inputs: Omit<DryRunInputs, 'json'>,
  signal: AbortSignal,
): Promise<readonly TargetPlan[]> {
  const plans: TargetPlan[] = []
  for (const target of inputs.targets) {
    plans.push({
      target: target.name,
      runs: inputs.scenario.rounds,
      engines: await enginePlans(target, inputs, signal),
    })
  }
  return plans
}

async function enginePlans(
  target: Target,
  inputs: Omit<DryRunInputs, 'json'>,
  signal: AbortSignal,
): Promise<readonly EnginePlan[]> {
  // A service of the user's own is only looked at: nothing is made for it.
  if (target.kind === 'service') return []
  const { architecture } = parseArchitectureSettings(target)
  const runId = `${new Date().toISOString().slice(0, 19)}-${inputs.scenario.name}/01-${target.name}`
  const plans: EnginePlan[] = []
  const roles = rolesOf(architecture, target)
  const providers = providersOf(roles, {
    external: inputs.external.addresses,
    engines: inputs.engines,
  })
  for (const one of roles) {
    const { name: role, kind, settings } = one
    const provider = providers.get(role) ?? 'embedded'
    const server =
      provider === 'external'
        ? await inspect({ ...one, target }, inputs.external, {
            ...{ settings, ownName: ownName(runId), signal },
          })
        : null
    plans.push({ role, kind, provider, server })
  }
  return plans
}

async function inspect(
  { target, ...role }: Role & { readonly target: Target },
  { addresses }: External,
  request: InspectionRequest,
): Promise<EnginePlan['server']> {
  const { kind, name } = role
  if (role.of !== null && kind === 'postgres') {
    const [address, primary] = [addresses.roles?.[name], addresses.postgres]
    if (address !== undefined && primary !== undefined) {
      const found = await inspectReplica(name, { address, primary }, request)
      return { ...found, where: ownServers.postgres.say(address) }
    }
  }
  // Says what is missing.
  const address = ownAddress(role, target, { external: addresses })
  assert(isServerKind(kind), 'whatever has an address can be looked at')
  const server = ownServers[kind]
  const found = await server.inspect(address, request)
  // The name that was looked at is never made: a run has its own time, number and draw.
  const creates = found.creates.map((thing) => thing.replaceAll(request.ownName, OWN_NAME_FORM))
  return { ...found, creates, where: server.say(address) }
}

export function linesOf(plans: readonly TargetPlan[]): readonly string[] {
  return [
    'Nothing was created. A run would make, and remove again:',
    ...plans.flatMap(({ target, runs, engines }) => [
      '',
      `${target}: ${String(runs)} ${runs === 1 ? 'run' : 'runs'}${runs === 1 ? '' : ', one after the other, each with its own'}`,
      ...(engines.length === 0
        ? ['  a service of your own: it is sent events; nothing is made for it']
        : engines.flatMap(engineLines)),
    ]),
  ]
}

function engineLines({ role, kind, provider, server }: EnginePlan): readonly string[] {
  if (server === null) {
    const where =
      provider === 'embedded'
        ? 'a process of its own, its data below .headroom/'
        : 'a container, its data in a volume of one project'
    return [`  ${role}: ${kind} in ${where}`]
  }
  const { label, where, connection, creates, notes } = server
  return [
    `  ${role}: ${label} at ${where} (${connection})`,
    ...creates.map(
      (thing) =>
        `    makes ${thing}; <run> is its time, scenario and target, cut at 40 letters, <random> six digits drawn anew each time`,
    ),
    ...notes.settingsNotInForce.map(
      ({ name, asked, inForce }) =>
        `    leaves ${name} = ${inForce}, though the target asks for ${asked}`,
    ),
    ...notes.unseen.map((sentence) => `    mind: ${sentence}`),
  ]
}
