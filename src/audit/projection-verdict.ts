/** What the counts of a projection's audit mean. In: counts and the promise. Out: a verdict and its sentence. Pure. */
import type { StorePromise } from '../architecture/architecture.ts'
import type { ProjectionAudit } from '../results/audit-record.ts'
import { lossIsAllowed, type WorstFault } from './promise.ts'

export type Seen = Pick<
  ProjectionAudit,
  'dueKeys' | 'shownKeys' | 'missingKeys' | 'behindKeys' | 'wrongKeys' | 'foreignKeys'
> & { readonly halfKeys: number }
type Counts = Seen & { readonly excusedKeys: number }

interface VerdictContext {
  readonly promise: StorePromise
  readonly worstFault: WorstFault
  /** Every key that a fault excuses is known; the rank of the worst of them excuses no other. */
  readonly isBounded: boolean
}

/** Loss is within the promise as far as a fault is known to excuse it. */
export function verdictOf(
  { missingKeys, behindKeys, wrongKeys, foreignKeys, excusedKeys }: Counts,
  { isBounded, ...context }: VerdictContext,
): Pick<ProjectionAudit, 'verdict' | 'because'> {
  const lost = sentences([
    [missingKeys, 'not shown at all'],
    [behindKeys, 'shown as of an older write than the latest acknowledged one'],
  ])
  const false_ = sentences([
    [wrongKeys, 'with another value than was sent'],
    [foreignKeys, 'shown as of a write that nobody was told is stored'],
  ])
  const isAllowed = isBounded
    ? excusedKeys === missingKeys + behindKeys || context.promise.delivery === 'at-most-once'
    : lossIsAllowed(context)
  const broken = isAllowed ? false_ : [...lost, ...false_]
  if (broken.length > 0) {
    const within = excusedKeys > 0 ? ` (of these ${excusedInWords(excusedKeys)})` : ''
    return { verdict: 'broken', because: `${broken.join('; ')}${isAllowed ? '' : within}.` }
  }
  if (lost.length > 0) {
    const why = isBounded
      ? excusedInWords(excusedKeys)
      : `survives ${context.promise.survives}, met ${context.worstFault}`
    return {
      verdict: 'as-promised',
      because: `${lost.join('; ')}, within the promise: ${why}.`,
    }
  }
  return { verdict: 'whole', because: 'Every key shows its latest acknowledged write.' }
}

function excusedInWords(keys: number): string {
  return `${keys.toLocaleString('en')} by what a fault took back`
}

function sentences(counts: readonly (readonly [count: number, what: string])[]): readonly string[] {
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count.toLocaleString('en')} key${count === 1 ? '' : 's'} ${what}`)
}
