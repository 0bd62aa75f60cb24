/** Runs that were made again because the first of their round was void. In: run records. Out: which is which, and its name. */
import type { RunRecord } from './record.ts'

/** Whether a completed run stands for it: then it is no gap in the study. */
export function isMadeUp(run: RunRecord, runs: readonly RunRecord[]): boolean {
  return runs.some(({ repeats, outcome }) => repeats === run.id && outcome.state === 'completed')
}

/** `2`, and of the run that was made in its place `2, again`. */
export function roundName({ round, repeats }: Pick<RunRecord, 'round' | 'repeats'>): string {
  return repeats === undefined ? String(round) : `${String(round)}, again`
}
