/**
 * Whether a bad step says something about the architecture. Only limits of the service and its engines do (design.md, the
 * RunRecord): a driver, a pool or a machine at its end, or another program on it, would have broken any architecture.
 */
import { formatNumber, formatRate, formatRatio } from '../kit/units.ts'
import type { Step } from '../results/record.ts'
import { measuredSteps } from './evidence.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import { unseenHere } from './unseen-here.ts'

/** Foreign CPU beyond this share of the cores, or steal beyond this ratio, is called contention. */
const FOREIGN_CORES_RATIO = 0.1
const STEAL_RATIO = 0.02

/** Why a step beyond its limit does not count against the architecture; null where it does. */
export function excuseOf(round: Round, step: Step): string | null {
  const { saturated } = round.measured
  const at = `at ${formatRate(step.targetPerS)} in round ${String(round.run.round)}`
  if (saturated !== null && isElsewhere(saturated.by)) {
    return `${at} the ${saturated.by} was the limit, not the architecture (${saturated.evidence})`
  }
  return isContended(round, step)
    ? `${at} something else used the machine (${contentionInWords([step])})`
    : null
}

/** By the means over the step: one sampled moment is not contention. Foreign CPU counts only where it is a stranger's. */
export function isContended(round: Round, step: Step): boolean {
  return (
    (isForeignHigh(round, step) && unseenHere(round).length === 0) ||
    metricOf(step, 'machine.stealRatio') > STEAL_RATIO
  )
}

/** Where a part ran unseen on the same machine, foreign CPU excuses nothing: it may be the part's own. */
export function mayBeItselfCaveats(targets: readonly TargetEvidence[]): readonly string[] {
  return targets.flatMap(({ target, rounds }) => {
    const unseen = rounds.filter((round) => unseenHere(round).length > 0)
    const steps = unseen.flatMap((round) =>
      measuredSteps(round).filter((step) => isForeignHigh(round, step)),
    )
    const names = [...new Set(unseen.flatMap(unseenHere))]
    return steps.length === 0
      ? []
      : [
          `Foreign CPU under ${target} (${contentionInWords(steps)}) may be ${target} itself: ${names.join(' and ')} ran on this machine unseen, so no step is excused by it.`,
        ]
  })
}

function isForeignHigh(round: Round, step: Step): boolean {
  return metricOf(step, 'machine.foreignCores') > round.run.machine.cores * FOREIGN_CORES_RATIO
}

/** The worst of the steps: `foreign CPU 0.8 cores, steal 0.2 %`. */
export function contentionInWords(steps: readonly Step[]): string {
  const worst = (key: string): number => Math.max(0, ...steps.map((step) => metricOf(step, key)))
  const foreign = formatNumber(worst('machine.foreignCores'))
  return `foreign CPU ${foreign} cores, steal ${formatRatio(worst('machine.stealRatio'))}`
}

function isElsewhere(by: NonNullable<Round['measured']['saturated']>['by']): boolean {
  return by === 'driver' || by === 'pool' || by === 'machine'
}

function metricOf(step: Step, key: string): number {
  return step.metrics[key] ?? 0
}
