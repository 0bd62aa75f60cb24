/**
 * What `headroom run` does. In: checked flags. Out: a study on disk, its report, and the exit code. Everything the user
 * gave is read before anything starts.
 */
import { openLedger } from '../kit/guardian.ts'
import { cleanLeftovers } from '../kit/leftovers.ts'
import { loadScenario } from '../scenario/load.ts'
import { loadTargets } from '../target/load.ts'
import type { CommandContext } from './command.ts'
import type { ExternalSources } from './external-engines.ts'
import { externalEngines } from './external-engines.ts'
import { DEFAULT_PROFILE, loadProfile } from './load-profile.ts'
import { loadTriggers } from './load-triggers.ts'
import { outDirOf, reportDirOf, workDirOf } from './places.ts'
import { showProgress } from './progress.ts'
import { runExitCode } from './run-exit-code.ts'
import { tellConclusion } from './tell-conclusion.ts'

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
  readonly json: boolean
}

export async function runStudy(flags: RunWishes, context: CommandContext): Promise<number> {
  const { terminal, signal, env } = context
  const { scenario, dir: scenarioDir } = loadScenario(flags.scenario, {
    rounds: flags.rounds,
    ratesPerS: flags.rates,
    initialRows: flags.initialRows,
  })
  const targets = loadTargets(flags.target)
  const profile = loadProfile(flags.profile ?? DEFAULT_PROFILE, {
    ratePerS: flags.rate,
    growthPerMonthRatio: flags.growth,
  })
  const triggers = loadTriggers()
  const external = externalEngines(flags, env)
  for (const warning of external.warnings)
    terminal.talk(terminal.paint('yellow', `warning: ${warning}`))

  // Wrong input is told before half of Headroom is loaded.
  const { runComparison } = await import('../study/comparison.ts')
  const { concludeStudy } = await import('./conclude.ts')
  const workDir = workDirOf(flags.out)
  await cleanLeftovers(workDir, (line) => {
    terminal.talk(line)
  })
  const view = showProgress({
    terminal,
    targets: targets.map(({ name }) => name),
    rounds: scenario.rounds,
  })
  await using _ledger = openLedger(workDir)
  const { study, studyDir, runs } = await runComparison({
    scenario,
    scenarioDir: scenarioDir,
    targets,
    profile,
    external: external.addresses,
    outDir: outDirOf(flags.out),
    workDir,
    command: `headroom ${context.typed}`,
    secrets: external.secrets,
    onProgress: view.onProgress,
    log: view.talk,
    signal,
  }).finally(view.end)

  const conclusion = await concludeStudy(studyDir, {
    triggers,
    reportDir: reportDirOf(flags.out, study.id),
  })
  const exitCode = runExitCode({ study, runs, interrupted: signal.aborted })
  tellConclusion(conclusion, { terminal, json: flags.json, exitCode })
  return exitCode
}
