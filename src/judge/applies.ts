/**
 * Whether a rule says anything about a target. In: evidence and a rule. Out: null, or why it does not apply. Only of an
 * architecture of ours, and only after a round that counts: what a user's own service is made of, nobody told us.
 */
import { parseMetricKey } from '../collect/metrics.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import type { Trigger } from './trigger.ts'

export function whyNotApplicable(
  { rounds }: TargetEvidence,
  judged: Trigger['judged'],
): string | null {
  const where = 'appliesWhere' in judged ? judged.appliesWhere : undefined
  const run = rounds[0]?.run
  if (where === undefined || run?.target.kind !== 'architecture') return null
  const { stores, projections = [] } = run.architecture.promises
  const isAtOnce = [...stores, ...projections].some((one) => one.readAfterAck === 'at-once')
  if (where.notAtOnce) return isAtOnce ? where.otherwise : null
  if (where.architectures.includes(run.architecture.id)) return null
  const isSeen = rounds.some(
    (round) =>
      (judged.kind === 'symptom' && judged.metrics.some((key) => highest(round, key) !== null)) ||
      (where.seen !== undefined && (highest(round, where.seen) ?? 0) > 0),
  )
  return isSeen ? null : where.otherwise
}

/** Over all steps, freshness included; null where the metric was never seen. */
function highest({ measured }: Round, key: string): number | null {
  const { id, label } = parseMetricKey(key)
  const figures = [measured.metrics, measured.worst, ...measured.steps.map((step) => step.metrics)]
  const values = figures.flatMap((one) =>
    Object.entries(one).flatMap(([name, value]) =>
      name === key || (label === null && parseMetricKey(name).id === id) ? [value] : [],
    ),
  )
  if (values.length > 0) return Math.max(...values)
  const polled = measured.steps.some((step) => Object.keys(step.freshnessUs).length > 0)
  return id.startsWith('freshness.') && polled ? 0 : null
}
