/** What one run of a study is given. */
import type { Log } from '../kit/log.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from '../target/target.ts'
import type { ExternalAddresses, OwnProvider } from '../target/up.ts'
import type { OnProgress } from './progress-events.ts'
import type { RunPlan } from './run-plan.ts'

export interface RunOptions {
  readonly scenario: Scenario
  readonly target: Target
  readonly plan: RunPlan
  readonly external: ExternalAddresses
  /** Where engines without an address come from. */
  readonly engines: OwnProvider
  readonly runId: string
  readonly studyId: string
  readonly round: number
  readonly position: number
  /** The id of a void run that this one makes again. */
  readonly repeats?: string
  /** Record, series, outcomes and logs. */
  readonly runDir: string
  /** Engine data goes below it. */
  readonly workDir: string
  /** Strings that must appear in nothing that is written. */
  readonly secrets: readonly string[]
  readonly onProgress: OnProgress
  readonly log: Log
  readonly signal: AbortSignal
  readonly hardSignal: AbortSignal
}
