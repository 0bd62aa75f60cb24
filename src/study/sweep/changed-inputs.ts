/** Whether a sweep that is gone on with still has the inputs it began with. */
import type { PlannedInputs } from '../../results/study-plan.ts'
import { changed, changedPlace, isSame, refuseChanges } from '../changed-inputs.ts'

/** @throws HeadroomError BAD_INPUT naming everything that is not as it was */
export function refuseChangedInputs(then: PlannedInputs, now: PlannedInputs): void {
  const pointsNow = new Map(now.points.map((point) => [point.target.name, point]))
  const sameGrid = isSame(then.sweep, now.sweep)
  const changes = [
    ...(isSame(then.scenario, now.scenario) ? [] : changed(`scenario ${then.scenario.name}`)),
    ...(sameGrid ? [] : changed('the grid')),
    // Of another grid every point differs: said once is enough.
    ...then.points
      .filter(
        (point) => sameGrid && !isSame(point.target, pointsNow.get(point.target.name)?.target),
      )
      .flatMap((point) => changed(`target ${point.target.name}`)),
    ...(isSame(then.profile, now.profile) ? [] : changed('profile')),
    ...changedPlace(then, now),
  ]
  refuseChanges(changes, 'the sweep')
}
