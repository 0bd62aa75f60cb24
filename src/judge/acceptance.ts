/**
 * The limit every scenario has, whatever its SLOs say: what was due is accepted. In: windows of a step while it runs, or
 * the finished step. Out: null or the breach.
 */
import {
  answersInWords,
  NOT_ACCEPTED_MAX_RATIO,
  notAcceptedRatio,
  refusedTooMuch,
} from '../collect/not-accepted.ts'
import type { DriverWindow, Segment } from '../drive/job.ts'
import type { Step } from '../results/record.ts'
import { measuredSteps } from './evidence.ts'
import type { TargetEvidence } from './evidence.ts'
import type { SloBreach } from './slo.ts'

const METRIC = 'outcome.notAcceptedRatio'

export function acceptanceBreach(step: Step): SloBreach | null {
  if (!refusedTooMuch(step)) return null
  return {
    metric: METRIC,
    max: NOT_ACCEPTED_MAX_RATIO,
    value: notAcceptedRatio(step),
    atMs: step.toMs,
  }
}

export interface LiveAcceptance {
  begin(segment: Segment): void
  observeWindow(window: DriverWindow): SloBreach | null
}

/** Breaks only when nothing that may still come can save the step: it is judged by all that will be due in it. */
export function liveAcceptance(): LiveAcceptance {
  let planned = Infinity
  let refused = 0
  let ended = 0
  return {
    begin: ({ fromS, toS, fromPerS, toPerS }) => {
      planned = ((fromPerS + toPerS) / 2) * (toS - fromS)
      refused = 0
      ended = 0
    },
    observeWindow: ({ counts, atMs }) => {
      const lost = counts.rejected + counts.shed + counts.unknown + counts.dropped
      refused += lost
      ended += lost + counts.accepted + counts.duplicate
      if (refused <= planned * NOT_ACCEPTED_MAX_RATIO) return null
      return { metric: METRIC, max: NOT_ACCEPTED_MAX_RATIO, value: refused / ended, atMs }
    },
  }
}

/** One sentence per target that was not accepted in some counting round: what was answered instead. */
export function refusalCaveats(targets: readonly TargetEvidence[]): readonly string[] {
  return targets.flatMap(({ target, rounds }) => {
    const refused = rounds.flatMap((round) => measuredSteps(round).filter(refusedTooMuch))
    const words = answersInWords(refused)
    return words === '' ? [] : [`${target}: in steps that were not kept ${words}.`]
  })
}
