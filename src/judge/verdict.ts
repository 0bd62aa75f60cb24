/** What a judgement can be. Never a guess: `unknown` names the one command that would tell. */
import type { Interval } from '../results/record.ts'

/** The first and the last month in which something is expected, as YYYY-MM; null when not within the horizon. */
export interface DateRange {
  readonly earliest: string | null
  readonly likely: string | null
  readonly latest: string | null
  /** Set where the projection reaches beyond what the evidence supports. */
  readonly beyondEvidence: boolean
}

export type Verdict =
  | {
      readonly state: 'fired'
      readonly level: 'warning' | 'critical'
      readonly evidence: 'measured' | 'extrapolated' | 'declared'
      readonly value: number
      readonly because: string
      readonly runs: readonly string[]
    }
  | {
      readonly state: 'holds'
      readonly evidence: 'measured' | 'extrapolated' | 'declared'
      readonly value: number
      /**
       * Rate at which the threshold is crossed ÷ declared rate, or the metric's own ratio where no crossing was seen.
       * null where nothing can be divided: a need that was not declared (replay).
       */
      readonly headroomRatio: Interval | null
      readonly headroomOf: 'rate' | 'metric'
      readonly because: string
      readonly firesBetween: DateRange
      readonly runs: readonly string[]
    }
  /** The target has not what the rule is about: no standby, no queue. Nothing to measure, so no command. */
  | { readonly state: 'does-not-apply'; readonly because: string }
  | { readonly state: 'unknown'; readonly because: string; readonly command: string }

export interface Judgement {
  readonly trigger: string
  readonly target: string
  readonly title: string
  /** The documented rule in words, with its window. */
  readonly rule: string
  /** The rule's levels in the unit of their metric, where it is about one: charts draw them as lines. */
  readonly limits?: readonly {
    readonly metric: string
    readonly level: 'warning' | 'critical'
    readonly value: number
  }[]
  readonly source: { readonly document: string; readonly quote: string }
  readonly action: string
  readonly verdict: Verdict
  /** Real migrations known to have happened at or below the declared rate. */
  readonly anchors: readonly string[]
  /** Those whose rate nobody published: they stand beside no level. */
  readonly unratedAnchors: readonly string[]
}
