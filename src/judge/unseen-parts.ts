/**
 * What figures leave out because it could not be seen: CPU of a process, full-page images within the WAL. In: evidence.
 * Out: sentences.
 */
import type { TargetEvidence } from './evidence.ts'
import { figuresOf } from './figures.ts'

export function unseenCaveats(
  targets: readonly TargetEvidence[],
  comparedAtPerS: number | null,
): readonly string[] {
  return [...unseenCpu(targets), ...totalWal(targets, comparedAtPerS)]
}

/**
 * A process the harness may not read: its work is in no part's figures, and among the foreign load where it ran here. A
 * round that broke at once has no sample of anything: a part that another round saw is not unseen.
 */
function unseenCpu(targets: readonly TargetEvidence[]): readonly string[] {
  return targets.flatMap(({ target, rounds }) => {
    const [first, ...others] = rounds.map(({ measured }) => measured.unseenCpu ?? [])
    const never = (first ?? []).filter((part) => others.every((parts) => parts.includes(part)))
    return never.length === 0
      ? []
      : [
          `${target}: CPU of ${never.join(', ')} was not seen, so that it is missing in its figures and, on this machine, counts as somebody else’s.`,
        ]
  })
}

function totalWal(
  targets: readonly TargetEvidence[],
  comparedAtPerS: number | null,
): readonly string[] {
  const knows = (target: TargetEvidence, key: 'wal.bytesPerEvent' | 'wal.totalBytesPerEvent') =>
    figuresOf(target, key, comparedAtPerS).length > 0
  const names = targets
    .filter((one) => knows(one, 'wal.totalBytesPerEvent') && !knows(one, 'wal.bytesPerEvent'))
    .map(({ target }) => target)
  return names.length === 0
    ? []
    : [
        `${names.join(', ')}: WAL per event is the total, full-page images not told apart; it is not compared with WAL that is given without them.`,
      ]
}
