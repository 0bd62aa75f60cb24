/**
 * What was answered instead of an acknowledgement. In: the tallies of steps. Out: whether too much was not accepted, and
 * the answers in a sentence: `150 of 150 answers were HTTP 401`. Pure.
 */
import { formatCount } from '../kit/units.ts'
import type { NotAcceptedReason, Step } from '../results/record.ts'

/** As the driver tells it and as a record keeps it. */
interface Told {
  readonly answeredRequests: number
  readonly reasons: readonly NotAcceptedReason[]
  readonly otherRequests: number
}

/**
 * A step that lost more of its due events than this was not kept, whatever its SLOs say: a rate that is refused is not
 * held (docs/honesty.md). Ten times what shipped scenarios allow, so that it decides only where no SLO does.
 */
export const NOT_ACCEPTED_MAX_RATIO = 0.01
/** Reasons a sentence names. */
const TOLD_MAX = 3
/** Of what was not accepted, the share from which on the answers themselves are the limit. */
const REFUSED_MIN_SHARE = 0.5
/** What the driver puts before the code of a statement that a database refused. */
const REFUSED_BY_SQL = 'SQLSTATE '
/** A service says so when it is overloaded: a symptom of a limit, not a refusal. */
const SHED_STATUSES: readonly number[] = [429, 503]

export function notAcceptedRatio({ counts, dueEvents }: Step): number {
  // Not 1 − accepted / due: rounding would put exactly one percent above it.
  return dueEvents === 0 ? 0 : (dueEvents - counts.accepted - counts.duplicate) / dueEvents
}

/** Duplicates count as accepted: the stream repeats itself on purpose. */
export function refusedTooMuch(step: Step): boolean {
  return notAcceptedRatio(step) > NOT_ACCEPTED_MAX_RATIO
}

/** Not one event of any step was acknowledged, though some were due. */
export function nothingAccepted(
  steps: readonly { readonly dueEvents: number; readonly counts: Readonly<Step['counts']> }[],
): boolean {
  const due = steps.reduce((sum, step) => sum + step.dueEvents, 0)
  return due > 0 && steps.every(({ counts: { accepted, duplicate } }) => accepted + duplicate === 0)
}

/** The answers, where they and no resource kept a step from being accepted; null where they did not. */
export function refusal(step: Step): string | null {
  const { notAccepted } = step
  if (notAccepted === undefined || !refusedTooMuch(step)) return null
  const all = notAccepted.reasons.reduce(
    (sum, one) => sum + one.requests,
    notAccepted.otherRequests,
  )
  const refused = notAccepted.reasons.filter(isRefusal)
  const requests = refused.reduce((sum, one) => sum + one.requests, 0)
  return requests > 0 && requests >= all * REFUSED_MIN_SHARE ? answersInWords([step]) : null
}

/** Who says no is at no limit, whatever else was busy; an engine that refuses is one, and has a rule of its own. */
export function eventsWereRefused({
  step,
  at,
}: {
  readonly step: Step
  readonly at: string
}): { readonly by: 'answers'; readonly evidence: string } | null {
  const answers = (step.metrics['inserts.rejected'] ?? 0) > 0 ? null : refusal(step)
  return answers === null ? null : { by: 'answers', evidence: `${at} ${answers}` }
}

/** Empty where nothing was told apart or everything was accepted. */
export function answersInWords(
  steps: readonly { readonly notAccepted?: Told | undefined }[],
): string {
  const tallies = steps.flatMap(({ notAccepted }) => notAccepted ?? [])
  const { answeredRequests, reasons, otherRequests } = sumOf(tallies)
  const lost = reasons.reduce((sum, one) => sum + (one.by === 'loss' ? one.requests : 0), 0)
  const words = reasons
    .slice(0, TOLD_MAX)
    .map((one) => reasonInWords(one, { answers: answeredRequests, lost }))
  const rest = reasons.slice(TOLD_MAX).reduce((sum, one) => sum + one.requests, otherRequests)
  if (rest > 0) words.push(`${formatCount(rest)} more for other reasons`)
  return words.join('; ')
}

function isRefusal(reason: NotAcceptedReason): boolean {
  return reason.by === 'answer'
    ? !SHED_STATUSES.includes(reason.status)
    : reason.code.startsWith(REFUSED_BY_SQL)
}

function reasonInWords(
  reason: NotAcceptedReason,
  { answers, lost }: { readonly answers: number; readonly lost: number },
): string {
  const requests = formatCount(reason.requests)
  if (reason.by === 'loss') {
    if (reason.code.startsWith(REFUSED_BY_SQL)) {
      return `${requests} batches were refused by the database (${reason.code})`
    }
    return `${requests} of ${formatCount(answers + lost)} requests got no answer (${reason.code})`
  }
  const status = `${requests} of ${formatCount(answers)} answers were HTTP ${String(reason.status)}`
  if (reason.unnamed === true) return `${status}, which \`answers\` does not name`
  const isSuccess = reason.status >= 200 && reason.status < 300
  return isSuccess ? `${status} whose body does not acknowledge every event` : status
}

function sumOf(tallies: readonly Told[]): Told {
  const byKey = new Map<string, NotAcceptedReason>()
  for (const reason of tallies.flatMap(({ reasons }) => reasons)) {
    const key = reason.by === 'loss' ? reason.code : String(reason.status)
    const requests = (byKey.get(key)?.requests ?? 0) + reason.requests
    byKey.set(key, { ...reason, requests })
  }
  return {
    answeredRequests: tallies.reduce((sum, one) => sum + one.answeredRequests, 0),
    reasons: [...byKey.values()].sort((a, b) => b.requests - a.requests),
    otherRequests: tallies.reduce((sum, { otherRequests }) => sum + otherRequests, 0),
  }
}
