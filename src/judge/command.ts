/** The one command that would tell what is unknown: a trigger's template with the study's own words filled in. */
import type { StudyRecord } from '../results/record.ts'
import type { Trigger } from './trigger.ts'

/** scenario.ts accepts no more preloaded rows than this. */
const INITIAL_ROWS_MAX = 2_000_000_000

export interface CommandOptions {
  readonly trigger: Trigger
  readonly study: StudyRecord
  readonly target: string
  /** Rate the missing measurement has to reach; the declared rate where absent. */
  readonly ratePerS?: number
  /** Rows the stores have to hold. */
  readonly rows?: number
}

export function measureCommand(options: CommandOptions): string {
  const { trigger, study, target } = options
  const rows = options.rows ?? study.scenario.initialRows
  const filled: Readonly<Record<string, string>> = {
    scenario: study.scenario.name,
    target,
    ratePerS: String(Math.ceil(options.ratePerS ?? study.profile.ratePerS)),
    rows: String(Math.min(INITIAL_ROWS_MAX, Math.ceil(rows))),
  }
  return trigger.measure.replaceAll(/\{(\w+)\}/g, (whole, name: string) => filled[name] ?? whole)
}
