/** One trigger for one target: the documented rule in words, the verdict, and who really migrated at or below that load. */
import { formatCount, formatDurationS, formatRate, formatRatio } from '../kit/units.ts'
import type { StudyRecord } from '../results/record.ts'
import { whyNotApplicable } from './applies.ts'
import { judgeBand, judgeDemand } from './demand.ts'
import type { TargetEvidence } from './evidence.ts'
import { judgePartitions } from './partitions.ts'
import { judgeRowsSymptom } from './rows-symptom.ts'
import { judgeRateSymptom } from './symptom.ts'
import type { Trigger } from './trigger.ts'
import type { Judgement, Verdict } from './verdict.ts'

export interface JudgementInput {
  readonly trigger: Trigger
  readonly study: StudyRecord
  readonly evidence: TargetEvidence
}

export function judgementOf(input: JudgementInput): Judgement {
  const { trigger, study, evidence } = input
  return {
    trigger: trigger.id,
    target: evidence.target,
    title: trigger.title,
    rule: ruleInWords(trigger),
    limits: limitsOf(trigger),
    source: {
      document: `${trigger.source.document}, ${trigger.source.section}`,
      quote: trigger.source.quote,
    },
    action: trigger.action,
    verdict: verdictOf(input),
    ...anchorsOf(trigger, study.profile.ratePerS),
  }
}

function verdictOf(input: JudgementInput): Verdict {
  const { judged } = input.trigger
  const because = whyNotApplicable(input.evidence, judged)
  if (because !== null) return { state: 'does-not-apply', because }
  switch (judged.kind) {
    case 'symptom':
      return judged.growsWith === 'rate'
        ? judgeRateSymptom(input, judged)
        : judgeRowsSymptom(input, judged)
    case 'demand':
      return judgeDemand(input.study, judged)
    case 'band':
      return judgeBand(input.study, judged)
    case 'partitions':
      return judgePartitions(input, judged)
  }
}

/** The documented levels per metric, for charts; a demand or a band is about the profile, not about a metric. */
function limitsOf({ judged }: Trigger): NonNullable<Judgement['limits']> {
  if (judged.kind !== 'symptom') return []
  const { warning, critical } = judged.thresholds
  return judged.metrics.flatMap((metric) => [
    ...(warning === undefined ? [] : [{ metric, level: 'warning' as const, value: warning }]),
    { metric, level: 'critical' as const, value: critical },
  ])
}

/** Every word a document leaves open stands here with the value it was given. */
export function ruleInWords(trigger: Trigger): string {
  const { judged } = trigger
  const words = [trigger.title]
  switch (judged.kind) {
    case 'symptom':
      words.push(
        `judged as ${judged.statistic}`,
        `window at least ${formatDurationS(judged.windowS)}`,
        judged.growsWith === 'rate'
          ? 'at the declared rate'
          : 'at the rows held at the declared rate and retention',
      )
      break
    case 'partitions':
      words.push(
        `judged by formula: partitions of the target’s interval over the declared retention, and the rows each takes at the declared rate`,
        `more than ${formatCount(judged.heldMax.warning)} partitions warn, more than ${formatCount(judged.heldMax.critical)} are critical`,
      )
      break
    case 'demand':
    case 'band':
      words.push('judged against the profile')
      break
  }
  if ('sustainedS' in judged && judged.sustainedS > 0) {
    words.push(`sustained means ${formatDurationS(judged.sustainedS)}`)
  }
  if (judged.hysteresisRatio > 0) {
    words.push(`once fired it clears ${formatRatio(judged.hysteresisRatio)} below`)
  }
  return [words.join('; '), ...trigger.notes].join('. ')
}

/** Those at or below the declared rate, smallest first; those without a published rate stand beside needs and symptoms. */
function anchorsOf(
  trigger: Trigger,
  ratePerS: number,
): Pick<Judgement, 'anchors' | 'unratedAnchors'> {
  const { judged } = trigger
  const isAboutRate =
    judged.kind === 'demand' ? judged.quantity !== 'replayDays' : judged.kind !== 'symptom'
  const rated = trigger.anchors
    .flatMap((anchor) => (anchor.atPerS === null ? [] : [{ ...anchor, atPerS: anchor.atPerS }]))
    .filter(({ atPerS }) => atPerS <= ratePerS)
    .toSorted((a, b) => a.atPerS - b.atPerS)
  const unrated = isAboutRate ? [] : trigger.anchors.filter(({ atPerS }) => atPerS === null)
  return {
    anchors: rated.map(({ who, atPerS, what }) => `${who} (about ${formatRate(atPerS)}): ${what}`),
    unratedAnchors: unrated.map(({ who, what }) => `${who}: ${what}`),
  }
}
