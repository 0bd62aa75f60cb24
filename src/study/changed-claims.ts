/** Whether a study of claims that is gone on with still has the inputs it began with. */
import { recordHash } from '../results/canonical.ts'
import type { ClaimsInputs } from '../results/claims-store.ts'
import type { Experiment } from '../scenario/experiment.ts'
import type { Change } from './changed-inputs.ts'
import { changed, changedPlace, refuseChanges } from './changed-inputs.ts'

export function experimentHashes(experiments: readonly Experiment[]): ClaimsInputs['experiments'] {
  return Object.fromEntries(experiments.map((one) => [one.name, recordHash(one)]))
}

/** @throws HeadroomError BAD_INPUT naming everything that is not as it was */
export function refuseChangedClaims(then: ClaimsInputs, now: ClaimsInputs): void {
  const scale = {
    path: 'scale',
    message: `was ${then.scale}, and is ${now.scale}`,
    remedy: `give --scale ${then.scale}`,
  }
  refuseChanges(
    [
      ...(then.scale === now.scale ? [] : [scale]),
      ...changedExperiments(then.experiments, now.experiments),
      ...changedPlace(then, now),
    ],
    'the claims',
  )
}

function changedExperiments(
  then: ClaimsInputs['experiments'],
  now: ClaimsInputs['experiments'],
): readonly Change[] {
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])]
  const remedy = 'give the same claims as then'
  return names.flatMap((name): readonly Change[] => {
    const path = `experiment ${name}`
    if (then[name] === undefined) return [{ path, message: 'was not part of the study', remedy }]
    if (now[name] === undefined) return [{ path, message: 'was part of the study', remedy }]
    return then[name] === now[name] ? [] : changed(path)
  })
}
