/** What the live minutes of a run are given: a target that is up, and where its traces go. */
import type { Log } from '../kit/log.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { RunningTarget } from '../target/up.ts'
import type { OnProgress } from './progress-events.ts'
import type { RunPlan } from './run-plan.ts'

export interface LiveRunOptions {
  readonly up: RunningTarget
  readonly scenario: Scenario
  readonly plan: RunPlan
  /** Draws the moments of faults. */
  readonly round: number
  readonly runDir: string
  readonly dataDir: string
  /** Where engines keep their data; null where that is a disk not seen from here. */
  readonly dataDisk: string | null
  readonly onProgress: OnProgress
  /** The user's wish to end: the schedule stops, what was measured is kept. */
  readonly signal: AbortSignal
  /** The end of patience. */
  readonly hardSignal: AbortSignal
  readonly log: Log
}
