/** Whether a study that is gone on with still has the inputs it began with. Runs of two different things are no comparison. */
import type { Problem } from '../../kit/errors.ts'
import { HeadroomError } from '../../kit/errors.ts'
import { canonicalJson } from '../../results/canonical.ts'
import type { PlannedInputs } from '../../results/study-plan.ts'

/** @throws HeadroomError BAD_INPUT naming everything that is not as it was */
export function refuseChangedInputs(then: PlannedInputs, now: PlannedInputs): void {
  const problems = changes(then, now).map(({ path, message, remedy }): Problem => ({
    file: '--resume',
    line: null,
    path,
    message,
    remedy,
  }))
  if (problems.length === 0) return
  throw new HeadroomError('BAD_INPUT', 'the study cannot be resumed: its inputs have changed', {
    problems,
    hint: 'run the sweep anew: runs of two different things are no comparison',
  })
}

type Change = Pick<Problem, 'path' | 'message' | 'remedy'>

function changes(then: PlannedInputs, now: PlannedInputs): readonly Change[] {
  const remedy = 'put it back as it was'
  const changed = (path: string): readonly Change[] => [
    { path, message: 'is not what it was when the study began', remedy },
  ]
  const pointsNow = new Map(now.points.map((point) => [point.target.name, point]))
  const sameGrid = isSame(then.sweep, now.sweep)
  return [
    ...(isSame(then.scenario, now.scenario) ? [] : changed(`scenario ${then.scenario.name}`)),
    ...(sameGrid ? [] : changed('the grid')),
    // Of another grid every point differs: said once is enough.
    ...then.points
      .filter(
        (point) => sameGrid && !isSame(point.target, pointsNow.get(point.target.name)?.target),
      )
      .flatMap((point) => changed(`target ${point.target.name}`)),
    ...(isSame(then.profile, now.profile) ? [] : changed('profile')),
    ...(then.provider === now.provider && isSame(then.ownServers, now.ownServers)
      ? []
      : [
          {
            path: 'engines',
            message: `came from ${sourcesOf(then)}, and would now come from ${sourcesOf(now)}`,
            remedy: 'give the same --engines, --postgres and --clickhouse as then',
          },
        ]),
    ...(isSame(then.headroom, now.headroom)
      ? []
      : [
          {
            path: 'headroom',
            message: `was ${versionOf(then)}, and is ${versionOf(now)}`,
            remedy: 'resume with the version it began with',
          },
        ]),
    ...(then.fingerprint === now.fingerprint
      ? []
      : [
          {
            path: 'machine',
            message: 'is another one, or has other cores, memory or software',
            remedy: 'resume on the machine it began on',
          },
        ]),
  ]
}

function isSame(a: unknown, b: unknown): boolean {
  return b !== undefined && canonicalJson(a) === canonicalJson(b)
}

function sourcesOf({ provider, ownServers }: PlannedInputs): string {
  return [provider, ...ownServers.map((kind) => `your own ${kind}`)].join(' and ')
}

function versionOf({ headroom: { version, commit } }: PlannedInputs): string {
  return `${version} (${commit})`
}
