/**
 * Which rounds of a target count, and what each of them showed per rate. In: run records. Out: evidence every verdict
 * is built on; a round that was void, aborted, failed or did not pass its audit is named and never counted.
 */
import { refusedTooMuch } from '../collect/not-accepted.ts'
import { auditSentences } from '../results/audit-record.ts'
import type { Measured, RunRecord, Step } from '../results/record.ts'
import { stepValue } from './slo.ts'
import { medianOf } from './statistics.ts'

/** A round whose outcome is `completed`. */
export interface Round {
  readonly run: RunRecord
  readonly measured: Measured
}

export interface Discarded {
  readonly round: number
  readonly because: string
  /** Whether another run of this round was made for it. */
  readonly isMadeAgain: boolean
}

export interface TargetEvidence {
  readonly target: string
  readonly rounds: readonly Round[]
  readonly discarded: readonly Discarded[]
  /** Every run of the target, in order. */
  readonly runs: readonly RunRecord[]
}

export function evidenceOf(target: string, runs: readonly RunRecord[]): TargetEvidence {
  const own = runs.filter((run) => run.target.name === target)
  const rounds: Round[] = []
  const discarded: Discarded[] = []
  for (const run of own) {
    const because = whyDiscarded(run)
    if (because !== null) {
      const isMadeAgain = own.some(({ repeats }) => repeats === run.id)
      discarded.push({ round: run.round, because, isMadeAgain })
    } else if (run.outcome.state === 'completed')
      rounds.push({ run, measured: run.outcome.measured })
  }
  return { target, rounds: rounds.toSorted(byRound), discarded, runs: own }
}

/** One that was made again stands last in the study. */
function byRound(one: Round, other: Round): number {
  return one.run.round - other.run.round
}

/** One value of a metric at one rate in one round; `broken` steps carry Infinity where nothing was answered. */
export interface Point {
  readonly ratePerS: number
  readonly value: number
}

/** The measured steps of a round that know the metric, by rising rate. Warm-up and drain never count. */
export function pointsOf(round: Round, key: string): readonly Point[] {
  return measuredSteps(round)
    .map((step) => pointOf(step, key))
    .filter((point) => point !== null)
    .toSorted((a, b) => a.ratePerS - b.ratePerS)
}

/** null where the step does not know the metric. */
export function pointOf(step: Step, key: string): Point | null {
  const value = stepValue(step, key)
  if (value === null) return null
  return { ratePerS: step.targetPerS, value: value === 'infinite' ? Infinity : value }
}

export function measuredSteps(round: Round): readonly Step[] {
  return round.measured.steps.filter((step) => step.kind === 'measure' && step.dueEvents > 0)
}

/**
 * How many of the acknowledged events were new, from 0 to 1. A figure per accepted event is of new ones alone, while a rate
 * counts those that were there already as well: it is this share of a rate that such a figure is multiplied by. 1 where
 * none was acknowledged.
 */
export function newEventsRatio(steps: readonly Step[]): number {
  const sum = (of: (step: Step) => number): number =>
    steps.reduce((total, one) => total + of(one), 0)
  const accepted = sum(({ counts }) => counts.accepted)
  const acknowledged = accepted + sum(({ counts }) => counts.duplicate)
  return acknowledged === 0 ? 1 : accepted / acknowledged
}

/** The same over rounds, as their median: what a declared rate is multiplied by. 1 where no round counts. */
export function newEventsRatioOver(rounds: readonly Round[]): number {
  return medianOf(rounds.map((round) => newEventsRatio(measuredSteps(round)))) ?? 1
}

/** Steps that ran to their end, kept every SLO, and were accepted. */
export function keptSteps(round: Round): readonly Step[] {
  return measuredSteps(round).filter(
    (step) => step.complete && step.brokenSlo === null && !refusedTooMuch(step),
  )
}

export function runIds(evidence: TargetEvidence): readonly string[] {
  return evidence.rounds.map((round) => round.run.id)
}

/** `rounds 1, 2: failed: …; round 3: void: …`: a reason that several rounds share is given once. */
export function discardedInWords(discarded: TargetEvidence['discarded']): string {
  const roundsByReason = new Map<string, string[]>()
  for (const { round, because, isMadeAgain } of discarded) {
    const name = `${String(round)}${isMadeAgain ? ' (made again)' : ''}`
    roundsByReason.set(because, [...(roundsByReason.get(because) ?? []), name])
  }
  return [...roundsByReason]
    .map(
      ([because, rounds]) =>
        `round${rounds.length === 1 ? '' : 's'} ${rounds.join(', ')}: ${because}`,
    )
    .join('; ')
}

function whyDiscarded({ outcome }: RunRecord): string | null {
  switch (outcome.state) {
    case 'completed':
      return null
    case 'audit-failed': {
      const because = auditSentences(outcome.audit, 'broken').join('; ')
      return because === '' ? 'its audit failed' : `its audit failed (${because})`
    }
    case 'not-audited':
      return `not audited, so nothing of it is proven: ${outcome.because}`
    case 'void':
      return `void: ${outcome.because}`
    case 'aborted':
      return `aborted (${outcome.by}): ${outcome.message}`
    case 'failed':
      return `failed: ${outcome.message} [${outcome.code}]`
  }
}
