/** When a verdict changes under the profile's growth. In: a study and the rate at which it does. Out: a range of months. */
import { projectCrossing } from '../plan/projection.ts'
import type { Interval, StudyRecord } from '../results/record.ts'
import type { DateRange } from './verdict.ts'

export function datesOf(
  study: StudyRecord,
  options: { readonly crossing: Interval; readonly evidencePerS: number },
): DateRange {
  const { crossing, evidencePerS } = options
  const months = projectCrossing({
    ratePerS: study.profile.ratePerS,
    growthPerMonthRatio: study.profile.growthPerMonthRatio,
    crossingPerS: crossing,
    startedAt: study.startedAt,
  })
  return { ...months, beyondEvidence: crossing.high > evidencePerS }
}

/** No crossing was seen: the only thing known is that it does not fire before the load outgrows the evidence. */
export function notBefore(study: StudyRecord, reachPerS: number): DateRange {
  const crossing = { low: reachPerS, mid: reachPerS, high: reachPerS }
  const { earliest } = datesOf(study, { crossing, evidencePerS: reachPerS })
  return { earliest, likely: null, latest: null, beyondEvidence: true }
}
