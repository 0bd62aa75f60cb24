/**
 * What every study is given besides its points. In: points that are right by themselves, and the rest of the flags. Out:
 * profile, triggers, engines and secrets, all looked at; every mistake is told before anything starts.
 */
import { HeadroomError } from '../kit/errors.ts'
import type { Profile } from '../plan/profile.ts'
import { holdsSecret } from '../results/redaction.ts'
import type { Trigger } from '../judge/trigger.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { PointsInputs } from '../study/run-points.ts'
import { requireFaults } from '../target/fault-check.ts'
import { serviceInputs } from '../target/service-inputs.ts'
import { requireShape } from '../target/shape-check.ts'
import type { Target } from '../target/target.ts'
import type { OwnProvider } from '../target/up.ts'
import type { CommandContext } from './command.ts'
import { chooseEngines } from './engines-choice.ts'
import type { External, ExternalSources } from './external-engines.ts'
import { DEFAULT_PROFILE, loadProfile } from './load-profile.ts'
import { loadTriggers } from './load-triggers.ts'

export interface StudyWishes extends ExternalSources {
  readonly profile: string | undefined
  readonly rate: number | undefined
  readonly growth: number | undefined
  readonly out: string | undefined
  readonly dryRun: boolean
  readonly json: boolean
}

export interface StudyInputs extends PointsInputs {
  readonly profile: Profile
  readonly triggers: readonly Trigger[]
  readonly external: External
  readonly engines: OwnProvider
  readonly out: string | undefined
  readonly json: boolean
}

/** Says its warnings. @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export async function studyInputs(
  given: Omit<PointsInputs, 'profile'>,
  wishes: StudyWishes,
  { terminal, env, typed }: CommandContext,
): Promise<StudyInputs> {
  const { points } = given
  for (const { target, scenario } of points) requireShape([target], scenario)
  const profile = loadProfile(wishes.profile ?? DEFAULT_PROFILE, {
    ratePerS: wishes.rate,
    growthPerMonthRatio: wishes.growth,
  })
  const triggers = loadTriggers()
  const chosen = chooseEngines(wishes, env)
  const services = points.map(({ target, scenario }) =>
    serviceInputs([target], { scenario, env, external: chosen.external.addresses }),
  )
  const secrets = services.flatMap((service) => service.secrets)
  mustKeepSecrets({ ...given, profile, typed }, secrets)
  for (const { target, scenario } of points) {
    const { external, engines } = chosen
    await requireFaults([target], scenario, { external: external.addresses, engines })
  }
  // Wrong input is told before half of Headroom is loaded.
  const { sloWarnings } = await import('../target/slo-warnings.ts')
  const { unaskedQueries } = await import('../target/unasked-queries.ts')
  const warnings = new Set([
    ...chosen.external.warnings,
    ...services.flatMap((service) => service.warnings),
    ...byScenario(points).flatMap(({ targets, scenario }) => [
      ...unaskedQueries(targets, scenario),
      ...sloWarnings(targets, scenario),
    ]),
  ])
  for (const warning of warnings) terminal.talk(terminal.paint('yellow', `warning: ${warning}`))
  return {
    ...given,
    profile,
    triggers,
    external: { ...chosen.external, secrets: [...chosen.external.secrets, ...secrets] },
    engines: chosen.engines,
    out: wishes.out,
    json: wishes.json,
  }
}

/** Targets that are sent the same: what none of them answers is a mistake, what one does not is not. */
function byScenario(
  points: PointsInputs['points'],
): readonly { readonly scenario: Scenario; readonly targets: readonly Target[] }[] {
  const groups = new Map<string, { readonly scenario: Scenario; readonly targets: Target[] }>()
  for (const { target, scenario } of points) {
    const key = JSON.stringify(scenario)
    const group = groups.get(key) ?? { scenario, targets: [] }
    group.targets.push(target)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** A record that held one would be refused after the run: better told before it. */
function mustKeepSecrets(recorded: unknown, secrets: readonly string[]): void {
  if (!holdsSecret(JSON.stringify(recorded), secrets)) return
  throw new HeadroomError(
    'BAD_INPUT',
    'a value that a target takes from the environment also stands in a file or on the command line, and those are recorded',
    { hint: 'write ${env.NAME} wherever it is meant, or write it out where it is no secret' },
  )
}
