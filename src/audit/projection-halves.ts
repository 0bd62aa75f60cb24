/**
 * Whether a projection and the store that is written with it tell the same of a write that nobody answered. In: what is shown of a
 * key, and such writes of it. Out: yes or no. Pure.
 */
import type { Shown } from '../architecture/projection.ts'

/** A write that may be shown or not. */
export interface Unanswered extends Shown {
  /** Null where no store is written with the projection. */
  readonly storedBeside: boolean | null
}

/** Whether one of them is in one of both and not in the other: the two are not written together then. */
export function isHalf(row: Shown | null, unanswered: readonly Unanswered[]): boolean {
  return unanswered.some((write) =>
    row?.version === write.version
      ? write.storedBeside === false
      : write.storedBeside === true && (row === null || isLater(write, row)),
  )
}

export function isLater({ version }: Shown, than: Shown): boolean {
  return Buffer.compare(Buffer.from(version), Buffer.from(than.version)) > 0
}
