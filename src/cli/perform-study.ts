/**
 * What `headroom run` does with inputs that are right. In: scenario, targets, profile, triggers, engines. Out: a study on
 * disk, its report, the summary, and the exit code.
 */
import { cleanServers } from '../engines/own-leftovers.ts'
import { openLedger } from '../kit/guardian.ts'
import { cleanLeftovers } from '../kit/leftovers.ts'
import { shownPath } from '../kit/yaml-door.ts'
import type { Trigger } from '../judge/trigger.ts'
import type { Profile } from '../plan/profile.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { runComparison } from '../study/comparison.ts'
import type { Target } from '../target/target.ts'
import type { OwnProvider } from '../target/up.ts'
import type { CommandContext } from './command.ts'
import { concludeStudy } from './conclude.ts'
import type { External } from './external-engines.ts'
import { outDirOf, reportDirOf, workDirOf } from './places.ts'
import { showProgress } from './progress.ts'
import { runExitCode } from './run-exit-code.ts'
import { tellConclusion } from './tell-conclusion.ts'

export interface StudyInputs {
  readonly scenario: Scenario
  readonly scenarioDir: string
  readonly targets: readonly Target[]
  readonly profile: Profile
  readonly triggers: readonly Trigger[]
  readonly external: External
  readonly engines: OwnProvider
  readonly out: string | undefined
  readonly json: boolean
}

export async function performStudy(
  inputs: StudyInputs,
  { terminal, signal, typed }: CommandContext,
): Promise<number> {
  const { scenario, targets, external, out } = inputs
  const workDir = workDirOf(out)
  const talk = (line: string): void => {
    terminal.talk(line)
  }
  await cleanLeftovers(workDir, talk)
  await cleanServers(workDir, external.addresses, talk)
  const view = showProgress({
    terminal,
    targets: targets.map(({ name }) => name),
    rounds: scenario.rounds,
  })
  await using _ledger = openLedger(workDir)
  const { study, studyDir, runs } = await runComparison({
    scenario,
    scenarioDir: inputs.scenarioDir,
    targets,
    profile: inputs.profile,
    external: external.addresses,
    engines: inputs.engines,
    outDir: outDirOf(out),
    workDir,
    command: `headroom ${typed}`,
    secrets: external.secrets,
    onProgress: view.onProgress,
    log: view.talk,
    signal,
  }).finally(view.end)

  const conclusion = await concludeStudy(studyDir, {
    triggers: inputs.triggers,
    reportDir: reportDirOf(out, study.id),
  }).catch((error: unknown) => {
    // What was measured is safe, whatever is wrong with drawing it.
    terminal.talk(
      `the records are in ${shownPath(studyDir)}; headroom report ${study.id} draws them`,
    )
    throw error
  })
  const exitCode = runExitCode({ study, runs, interrupted: signal.aborted })
  tellConclusion(conclusion, { terminal, json: inputs.json, exitCode })
  return exitCode
}
