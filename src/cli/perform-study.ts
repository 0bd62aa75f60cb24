/**
 * What a command does with inputs that are right. In: points, profile, triggers, engines, and the kind of study. Out: a
 * study on disk, its report, the summary, and the exit code.
 */
import { cleanServers } from '../engines/own-leftovers.ts'
import { openLedger } from '../kit/guardian.ts'
import { cleanLeftovers } from '../kit/leftovers.ts'
import { shownPath } from '../kit/yaml-door.ts'
import type { PointsOptions, StudyResult } from '../study/run-points.ts'
import type { CommandContext } from './command.ts'
import { concludeStudy } from './conclude.ts'
import { outDirOf, reportDirOf, workDirOf } from './places.ts'
import { showProgress } from './progress.ts'
import { runExitCode } from './run-exit-code.ts'
import type { StudyInputs } from './study-inputs.ts'
import { tellConclusion } from './tell-conclusion.ts'

/** @param run makes the runs: a comparison, a sweep */
export async function performStudy(
  inputs: StudyInputs,
  run: (options: PointsOptions) => Promise<StudyResult>,
  { terminal, signal, typed }: CommandContext,
): Promise<number> {
  const { points, scenario, external, out } = inputs
  const workDir = workDirOf(out)
  const talk = (line: string): void => {
    terminal.talk(line)
  }
  await cleanLeftovers(workDir, talk)
  await cleanServers(workDir, external.addresses, talk)
  const view = showProgress({
    terminal,
    targets: points.map(({ target }) => target.name),
    rounds: scenario.rounds,
  })
  await using _ledger = openLedger(workDir)
  const { study, studyDir, runs } = await run({
    points,
    scenario,
    scenarioDir: inputs.scenarioDir,
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
