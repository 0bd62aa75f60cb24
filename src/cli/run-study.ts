/**
 * What `headroom run` reads. In: checked flags. Out: the exit code of the study. Everything the user gave is read, and
 * every mistake in it told, before anything starts.
 */
import { loadScenario } from '../scenario/load.ts'
import { loadTargets } from '../target/load.ts'
import type { CommandContext } from './command.ts'
import { requireContainers } from './containers.ts'
import { requireOutDir } from './places.ts'
import type { StudyWishes } from './study-inputs.ts'
import { studyInputs } from './study-inputs.ts'

export interface RunWishes extends StudyWishes {
  readonly scenario: string
  readonly target: string
  readonly rounds: number | undefined
  readonly rates: readonly number[] | undefined
  readonly initialRows: number | undefined
}

export async function runStudy(flags: RunWishes, context: CommandContext): Promise<number> {
  const { scenario, dir: scenarioDir } = loadScenario(flags.scenario, {
    rounds: flags.rounds,
    ratesPerS: flags.rates,
    initialRows: flags.initialRows,
  })
  const targets = loadTargets(flags.target)
  const points = targets.map((target) => ({ target, scenario }))
  const inputs = await studyInputs({ points, scenario, scenarioDir }, flags, context)
  if (flags.dryRun) {
    const { tellDryRun } = await import('./dry-run.ts')
    return await tellDryRun({ ...inputs, targets }, context)
  }
  requireOutDir(flags.out)
  await requireContainers(targets, inputs.engines)
  const { performStudy } = await import('./perform-study.ts')
  const { runComparison } = await import('../study/comparison.ts')
  return await performStudy(inputs, runComparison, context)
}
