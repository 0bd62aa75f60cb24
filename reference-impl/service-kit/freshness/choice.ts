/**
 * Which copy answers a read. In: what the reader demands, and what is known of every replica at this moment. Out: a replica,
 * or the primary and why. Pure.
 */
import type { Breaker } from './breaker.ts'
import type { LagBudgetsMs, ReadClass } from './read-class.ts'

export interface ReplicaView {
  /** Infinite where it does not answer. */
  readonly lagAtMostMs: number
  /** The breaker of the class that reads. */
  readonly breaker: Breaker['state']
  /** Whether it shows the reader's own write; true where he names none. */
  readonly hasReplayed: boolean
}

export type PrimaryReason =
  /** There is no replica. */
  | 'alone'
  /** The reader may look for what he has just written, and no budget covers that. */
  | 'own-write'
  /** What is read is UNLOGGED: no replica ever has it. */
  | 'unlogged'
  /** No replica answers. */
  | 'away'
  /** The lag is beyond the budget, and was for long enough that the breaker opened. */
  | 'breaker'
  /** The lag is beyond the budget at this moment. */
  | 'lag'
  /** A replica was chosen and has not replayed the reader's own write in time. */
  | 'token'
  /** A replica was chosen and failed. */
  | 'failed'

export type Choice =
  | { readonly from: 'replica'; readonly index: number }
  | { readonly from: 'primary'; readonly because: PrimaryReason }

/** @param turn spreads reads over the replicas that may answer; those that show the reader's own write come first */
export function chooseCopy(
  replicas: readonly ReplicaView[],
  read: { readonly readClass: ReadClass; readonly budgetsMs: LagBudgetsMs; readonly turn: number },
): Choice {
  const budgetMs = read.budgetsMs[read.readClass]
  if (replicas.length === 0) return { from: 'primary', because: 'alone' }
  const answering = replicas.filter(({ lagAtMostMs }) => Number.isFinite(lagAtMostMs))
  if (answering.length === 0) return { from: 'primary', because: 'away' }
  const inTurn = replicas.map((_, step) => (read.turn + step) % replicas.length)
  const mayAnswer = inTurn.filter((index) => {
    const { breaker = 'open', lagAtMostMs = Number.POSITIVE_INFINITY } = replicas[index] ?? {}
    return breaker === 'closed' && lagAtMostMs <= budgetMs
  })
  const index = mayAnswer.find((one) => replicas[one]?.hasReplayed) ?? mayAnswer[0]
  if (index !== undefined) return { from: 'replica', index }
  const isBroken = answering.every(({ breaker }) => breaker !== 'closed')
  return { from: 'primary', because: isBroken ? 'breaker' : 'lag' }
}

/** Where nothing else is left: the replica that is least behind; null where none answers. */
export function leastBehind(replicas: readonly ReplicaView[]): number | null {
  let best: number | null = null
  for (const [index, { lagAtMostMs }] of replicas.entries()) {
    if (!Number.isFinite(lagAtMostMs)) continue
    if (best === null || lagAtMostMs < (replicas[best]?.lagAtMostMs ?? 0)) best = index
  }
  return best
}
