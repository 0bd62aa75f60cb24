/**
 * What `headroom run` reads. In: checked flags. Out: the exit code of the study. Everything the user gave is read, and
 * every mistake in it told, before anything starts.
 */
import { HeadroomError } from '../kit/errors.ts'
import { holdsSecret } from '../results/redaction.ts'
import { loadScenario } from '../scenario/load.ts'
import { loadTargets } from '../target/load.ts'
import { serviceInputs } from '../target/service-inputs.ts'
import { requireFaults } from '../target/fault-check.ts'
import { requireShape } from '../target/shape-check.ts'
import type { CommandContext } from './command.ts'
import { requireContainers } from './containers.ts'
import { chooseEngines } from './engines-choice.ts'
import type { ExternalSources } from './external-engines.ts'
import { DEFAULT_PROFILE, loadProfile } from './load-profile.ts'
import { loadTriggers } from './load-triggers.ts'
import { requireOutDir } from './places.ts'

export interface RunWishes extends ExternalSources {
  readonly scenario: string
  readonly target: string
  readonly rounds: number | undefined
  readonly rates: readonly number[] | undefined
  readonly initialRows: number | undefined
  readonly profile: string | undefined
  readonly rate: number | undefined
  readonly growth: number | undefined
  readonly out: string | undefined
  readonly dryRun: boolean
  readonly json: boolean
}

export async function runStudy(flags: RunWishes, context: CommandContext): Promise<number> {
  const { terminal, env } = context
  const { scenario, dir: scenarioDir } = loadScenario(flags.scenario, {
    rounds: flags.rounds,
    ratesPerS: flags.rates,
    initialRows: flags.initialRows,
  })
  const targets = loadTargets(flags.target)
  requireShape(targets, scenario)
  const profile = loadProfile(flags.profile ?? DEFAULT_PROFILE, {
    ratePerS: flags.rate,
    growthPerMonthRatio: flags.growth,
  })
  const triggers = loadTriggers()
  const chosen = chooseEngines(flags, env)
  const services = serviceInputs(targets, { scenario, env, external: chosen.external.addresses })
  mustKeepSecrets({ scenario, targets, profile, typed: context.typed }, services.secrets)
  const { engines } = chosen
  const external = {
    ...chosen.external,
    secrets: [...chosen.external.secrets, ...services.secrets],
  }
  await requireFaults(targets, scenario, { external: external.addresses, engines })
  // Wrong input is told before half of Headroom is loaded.
  const { sloWarnings } = await import('../target/slo-warnings.ts')
  const { unaskedQueries } = await import('../target/unasked-queries.ts')
  const unasked = [...unaskedQueries(targets, scenario), ...sloWarnings(targets, scenario)]
  for (const warning of [...external.warnings, ...services.warnings, ...unasked])
    terminal.talk(terminal.paint('yellow', `warning: ${warning}`))

  if (flags.dryRun) {
    const { tellDryRun } = await import('./dry-run.ts')
    return await tellDryRun({ scenario, targets, external, engines, json: flags.json }, context)
  }
  requireOutDir(flags.out)
  await requireContainers(targets, engines)
  const { performStudy } = await import('./perform-study.ts')
  return await performStudy(
    {
      scenario,
      scenarioDir,
      targets,
      profile,
      triggers,
      external,
      engines,
      out: flags.out,
      json: flags.json,
    },
    context,
  )
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
