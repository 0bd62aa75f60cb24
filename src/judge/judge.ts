/**
 * What a study means for who asked. In: the study, its runs, the documented triggers. Out: findings; a pure function, so
 * a report redrawn from the same records says the same.
 */
import type { Profile } from '../plan/profile.ts'
import type { RunRecord, StudyRecord } from '../results/record.ts'
import { caveatsOf } from './caveats.ts'
import { rankings, targetFindings } from './compare.ts'
import { emulatedFindings, emulatedInWords } from './emulated.ts'
import { evidenceOf } from './evidence.ts'
import { comparedRate } from './figures.ts'
import type { Findings } from './findings.ts'
import { formulaFindings } from './formulas/formulas.ts'
import { judgementOf } from './judgement.ts'
import { realServerFindings } from './real-server.ts'
import { overallVerdict, phaseInWords, targetSentence } from './sentences.ts'
import { sweepFindings } from './sweep.ts'
import type { Trigger } from './trigger.ts'

export interface JudgeInput {
  readonly study: StudyRecord
  readonly runs: readonly RunRecord[]
  readonly triggers: readonly Trigger[]
  /** Runs of other studies of the same scenario: those on a real ClickHouse server confirm what `clickhouse-local` showed. */
  readonly others?: readonly RunRecord[]
  /** Another profile than the one the study was run for; the study’s own where absent. */
  readonly profile?: Profile
}

export function judgeStudy(input: JudgeInput): Findings {
  const { runs } = input
  const triggers = input.triggers.toSorted((a, b) =>
    a.id.localeCompare(b.id, 'en', { numeric: true }),
  )
  const profile = input.profile ?? input.study.profile
  const study: StudyRecord = { ...input.study, profile }
  const evidence = study.targets.map((target) => evidenceOf(target.name, runs))
  const comparedAtPerS = comparedRate(evidence)
  const about = { profile, triggers, slos: study.scenario.slos }
  const targets = evidence.map((one) => {
    const judgements = triggers.map((trigger) => judgementOf({ trigger, study, evidence: one }))
    const found = targetFindings({ study, evidence: one, comparedAtPerS, judgements })
    return { ...found, sentence: targetSentence(found, about) }
  })
  const realServer = realServerFindings(evidence, [...runs, ...(input.others ?? [])])
  const emulated = emulatedFindings(study, runs)
  const sweep = sweepFindings(study, evidence, comparedAtPerS)
  return {
    study,
    runs,
    targets,
    rankings: rankings(evidence, comparedAtPerS),
    sweep,
    emulated,
    realServer,
    formulas: formulaFindings(study, evidence),
    phase: phaseInWords(about),
    // Which point suits the profile is another question than the one a sweep asks.
    verdict: sweep?.verdict ?? overallVerdict(targets, about),
    caveats: [
      ...caveatsOf({ study, targets: evidence, comparedAtPerS, realServer }),
      ...emulated.map((one) => emulatedInWords(one)),
    ],
  }
}
