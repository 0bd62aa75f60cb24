/**
 * Void runs say nothing of their target: they are made again when all others are done. In: what was planned, and how every run
 * ended. Out: the next one to make again. Pure.
 */
import type { PlannedRun } from './interleave.ts'

/** Of the planned runs so many, rounded up, are made again at most: a study must not grow without end. */
const AGAIN_MAX_RATIO = 0.25

export interface EndedRun<R> {
  readonly run: R
  /** Void, and it could be otherwise. */
  readonly isDueAgain: boolean
}

/**
 * A target is given up on once it was void again: there it is no accident.
 * @param ended the planned runs in their order, then those made again in theirs
 * @returns null where nothing is left to make again
 */
export function nextAgain<T extends { readonly name: string }, R extends PlannedRun<T>>(
  planned: number,
  ended: readonly EndedRun<R>[],
): R | null {
  const again = ended.slice(planned)
  if (again.length >= Math.ceil(planned * AGAIN_MAX_RATIO)) return null
  const isSettled = ({ target, round }: R): boolean =>
    again.some(
      ({ run, isDueAgain }) =>
        run.target.name === target.name && (isDueAgain || run.round === round),
    )
  const next = ended.slice(0, planned).find(({ run, isDueAgain }) => isDueAgain && !isSettled(run))
  return next === undefined ? null : { ...next.run, position: ended.length + 1 }
}
