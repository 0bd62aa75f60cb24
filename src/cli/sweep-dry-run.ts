/** `headroom sweep --dry-run`. In: points that are right. Out: the grid, how long it takes, what its runs would create. */
import { formatBytes, formatDurationS } from '../kit/units.ts'
import type { Sweep } from '../results/sweep-record.ts'
import { estimatePoints } from '../study/run-points.ts'
import type { CommandContext } from './command.ts'
import { linesOf, targetPlans } from './dry-run.ts'
import { workDirOf } from './places.ts'
import type { StudyInputs } from './study-inputs.ts'

/** @throws HeadroomError as a sweep would, before it creates anything */
export async function tellSweepDryRun(
  inputs: StudyInputs & { readonly sweep: Sweep },
  { terminal, signal }: CommandContext,
): Promise<number> {
  const { sweep, points, scenario, external, engines } = inputs
  const estimate = await estimatePoints({
    ...inputs,
    external: external.addresses,
    workDir: workDirOf(inputs.out),
  })
  // Of one target every point makes the same: its base stands for all.
  const bases = points.filter((_point, at) =>
    sweep.points[at]?.levels.every((level) => level === 0),
  )
  const targets = bases.map(({ target }) => target)
  const plans = await targetPlans({ scenario, targets, external, engines }, signal)
  if (inputs.json) {
    const { runs, seconds: estimatedS, diskBytes } = estimate
    const study = { runs, rounds: scenario.rounds, estimatedS, diskBytes }
    terminal.data(JSON.stringify({ created: [], study, sweep, targets: plans }, null, 2))
    return 0
  }
  const width = Math.max(...sweep.points.map(({ target }) => target.length))
  const lines = [
    `${String(sweep.points.length)} points, ${sweep.mode}, ${String(scenario.rounds)} ${scenario.rounds === 1 ? 'round' : 'rounds'}: ${String(estimate.runs)} runs, at most about ${formatDurationS(estimate.seconds)} unless runs are void, up to ${formatBytes(estimate.diskBytes)} of disk at a time`,
    ...sweep.points.map(({ target, label, levels }) => {
      const base = levels.every((level) => level === 0) ? '  (base)' : ''
      return `  ${target.padEnd(width)}  ${label}${base}`
    }),
    '',
    ...linesOf(plans),
  ]
  for (const line of lines) terminal.data(line)
  return 0
}
