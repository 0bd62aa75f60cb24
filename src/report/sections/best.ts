/**
 * Which value of a column is the best one, said honestly. Only targets that promise the same are compared, and only what
 * three separating rounds rank is called ranked; anything else is the best that was measured, no more.
 */
import type { Findings, TargetFindings } from '../../judge/findings.ts'
import type { Column } from './columns.ts'
import { tierWords } from './words.ts'

export interface Best {
  readonly kind: 'ranked' | 'measured'
  /** For the reader who hovers or listens: among whom it is the best. */
  readonly words: string
}

/** Best targets of a column, by name: one per durability tier with at least two targets in it that differ. */
export function bestOf(findings: Findings, column: Column): ReadonlyMap<string, Best> {
  const best = new Map<string, Best>()
  if (column.better === null) return best
  const tiers = new Set(findings.targets.map((target) => target.durability))
  for (const tier of tiers) {
    const rivals = findings.targets.filter(
      (target) => target.durability === tier && target.auditPassed && column.value(target) !== null,
    )
    const winner = winnerOf(rivals, column)
    if (winner === null) continue
    const isRanked = rankedFirst(findings, column, rivals) === winner.target
    const among = tiers.size === 1 ? 'of all targets' : `of those that ${singular(tierWords(tier))}`
    best.set(winner.target, {
      kind: isRanked ? 'ranked' : 'measured',
      words: `best ${among}${isRanked ? '' : ', measured but not ranked'}`,
    })
  }
  return best
}

function singular(words: string): string {
  return words.replace(/^survives/, 'survive')
}

/** null where fewer than two targets differ as they are written. */
function winnerOf(rivals: readonly TargetFindings[], column: Column): TargetFindings | null {
  const sign = column.better === 'less' ? 1 : -1
  const sorted = rivals.toSorted((a, b) => sign * ((column.value(a) ?? 0) - (column.value(b) ?? 0)))
  const [first, second] = sorted
  if (first === undefined || second === undefined) return null
  if (!Number.isFinite(column.value(first) ?? 0)) return null
  return column.text(first) === column.text(second) ? null : first
}

/** The first of the judge’s order among the rivals; null where the judge gives none. */
function rankedFirst(
  findings: Findings,
  column: Column,
  rivals: readonly TargetFindings[],
): string | null {
  const ranking = findings.rankings.find((one) => one.metric === column.ranking)
  return ranking?.order?.find((name) => rivals.some((rival) => rival.target === name)) ?? null
}
