/**
 * Whether a target's partitions are too many or too small for the declared rate and retention (formula F9). In: the
 * partition interval and its parts by hash among the architecture's settings, and how many of the events were new, for only
 * those become rows. Out: a verdict by what was declared, so it is `declared`.
 */
import { formatMany, formatRate } from '../kit/units.ts'
import { partitionsHeld, rowsPerPartition } from '../plan/formulas.ts'
import { newEventsRatioOver } from './evidence.ts'
import { repeatsInWords } from './formulas/finding.ts'
import { isByHash, layoutInWords, partitionLayoutOf } from './partition-interval.ts'
import { unknown } from './symptom.ts'
import type { JudgeContext } from './symptom.ts'
import type { PartitionsRule } from './trigger.ts'
import type { Verdict } from './verdict.ts'

export function judgePartitions(context: JudgeContext, rule: PartitionsRule): Verdict {
  const { profile } = context.study
  const run = context.evidence.runs[0]
  if (run !== undefined && isByHash(run)) {
    return unknown(
      context,
      'it is partitioned by hash: as many partitions as were made hold all that is retained, whatever the interval, so neither bound is about them',
    )
  }
  const layout = run === undefined ? null : partitionLayoutOf(run)
  if (layout === null) return unknown(context, 'the interval of its partitions is not known')
  const newRatio = newEventsRatioOver(context.evidence.rounds)
  const rows = rowsPerPartition(profile.ratePerS * newRatio, layout)
  const held = partitionsHeld(profile.retentionDays, layout)
  const because = `${layoutInWords(layout)} hold ${formatMany(rows)} rows each at the declared ${formatRate(profile.ratePerS)}${repeatsInWords(newRatio)}, and ${formatMany(held)} are there at once at the declared retention`
  const tooMany = held > rule.heldMax.warning
  if (tooMany || rows < rule.rowsMin) {
    return {
      state: 'fired',
      level: held > rule.heldMax.critical ? 'critical' : 'warning',
      evidence: 'declared',
      value: tooMany ? held : rows,
      because: tooMany
        ? `${because}, more than ${formatMany(rule.heldMax.warning)}`
        : `${because}, fewer rows than ${formatMany(rule.rowsMin)}`,
      runs: [],
    }
  }
  const ratio = Math.min(rule.heldMax.warning / held, rows / rule.rowsMin)
  return {
    state: 'holds',
    evidence: 'declared',
    value: held,
    headroomRatio: { low: ratio, mid: ratio, high: ratio },
    headroomOf: 'metric',
    because,
    // A growing rate fills partitions better, and their number follows from retention alone.
    firesBetween: { earliest: null, likely: null, latest: null, beyondEvidence: false },
    runs: [],
  }
}
