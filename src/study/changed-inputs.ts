/**
 * Whether a study that is gone on with still has what every study begins with: where its engines come from, the version of
 * Headroom, the machine. In: then and now. Out: what has changed, or one refusal. Figures of two different things are no
 * comparison.
 */
import type { Problem } from '../kit/errors.ts'
import { HeadroomError } from '../kit/errors.ts'
import { canonicalJson } from '../results/canonical.ts'
import type { PlannedPlace } from '../results/planned-place.ts'

export type Change = Pick<Problem, 'path' | 'message' | 'remedy'>

/** @throws HeadroomError BAD_INPUT naming everything that is not as it was */
export function refuseChanges(changes: readonly Change[], anew: string): void {
  if (changes.length === 0) return
  const problems = changes.map((change): Problem => ({ file: '--resume', line: null, ...change }))
  throw new HeadroomError('BAD_INPUT', 'the study cannot be resumed: its inputs have changed', {
    problems,
    hint: `run ${anew} anew: runs of two different things are no comparison`,
  })
}

export function changed(path: string): readonly Change[] {
  const remedy = 'put it back as it was'
  return [{ path, message: 'is not what it was when the study began', remedy }]
}

export function changedPlace(then: PlannedPlace, now: PlannedPlace): readonly Change[] {
  return [
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

export function isSame(a: unknown, b: unknown): boolean {
  return b !== undefined && canonicalJson(a) === canonicalJson(b)
}

function sourcesOf({ provider, ownServers }: PlannedPlace): string {
  return [provider, ...ownServers.map((kind) => `your own ${kind}`)].join(' and ')
}

function versionOf({ headroom: { version, commit } }: PlannedPlace): string {
  return `${version} (${commit})`
}
