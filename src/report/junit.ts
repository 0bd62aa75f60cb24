/**
 * The report as a CI system reads it: a suite per target, a case per trigger, per run, for the audit and for the driver.
 * Fails: a critical trigger that fired, a failed audit, a driver that was the limit. Unknown is skipped, never passed.
 */
import type { Judgement } from '../judge/verdict.ts'
import { auditSentences } from '../results/audit-record.ts'
import { roundName } from '../results/made-again.ts'
import type { RunRecord } from '../results/record.ts'
import type { TestCase } from './junit-xml.ts'
import { junitXml } from './junit-xml.ts'
import { driverHealth, firesSentence, headroomWords } from './sections/words.ts'
import type { StudyView, TargetView } from './study-view.ts'

export function renderJunit(view: StudyView): string {
  const suites = view.targets.map((target) => ({
    name: target.name,
    startedAt: target.runs[0]?.startedAt ?? view.findings.study.startedAt,
    cases: casesOf(target),
  }))
  return junitXml(view.findings.study, suites)
}

function casesOf(target: TargetView): readonly TestCase[] {
  return [
    ...target.findings.judgements.map(triggerCase),
    auditCase(target),
    driverCase(target),
    ...target.runs.map(runCase),
  ]
}

function triggerCase({ trigger, title, rule, action, verdict }: Judgement): TestCase {
  const name = `${trigger} ${title}`
  switch (verdict.state) {
    case 'fired':
      return {
        name,
        result: verdict.level === 'critical' ? 'failed' : 'passed',
        message: `${rule}: ${verdict.because}`,
        output: `${verdict.level} (${verdict.evidence}): ${verdict.because}\n${action}`,
      }
    case 'holds': {
      const words = [headroomWords(verdict), firesSentence(verdict)].filter((one) => one !== null)
      const output = [verdict.because, ...words].join('\n')
      return { name, result: 'passed', message: '', output }
    }
    case 'does-not-apply':
      return { name, result: 'skipped', message: `does not apply: ${verdict.because}`, output: '' }
    case 'unknown':
      return {
        name,
        result: 'skipped',
        message: `${verdict.because} Run: ${verdict.command}`,
        output: '',
      }
  }
}

function auditCase(target: TargetView): TestCase {
  const { lostEvents, duplicatedRows, divergedEvents, auditPassed } = target.findings
  const name = 'audit: the stores hold what was acknowledged'
  const audits = target.runs.flatMap(({ outcome }) =>
    outcome.state === 'failed' ? [] : (outcome.audit ?? []),
  )
  if (audits.length === 0) {
    return { name, result: 'skipped', message: 'no run was audited', output: '' }
  }
  const counts = `lost ${String(lostEvents ?? 0)}, duplicated rows ${String(duplicatedRows ?? 0)}, diverged ${String(divergedEvents ?? 0)}`
  const details = audits.flatMap((audit) => auditSentences(audit))
  const output = [counts, ...new Set(details)].join('\n')
  if (auditPassed) return { name, result: 'passed', message: '', output }
  // Counts are of stores: a projection that shows something else is in none of them.
  const broken = audits.flatMap((audit) => auditSentences(audit, 'broken'))
  return { name, result: 'failed', message: [counts, ...new Set(broken)].join('; '), output }
}

function driverCase(target: TargetView): TestCase {
  const { tone, detail } = driverHealth(target)
  const name = 'driver: the harness was not the limit'
  if (tone === 'unknown') return { name, result: 'skipped', message: detail, output: '' }
  return { name, result: tone === 'bad' ? 'failed' : 'passed', message: detail, output: detail }
}

/** A run that did not come to its end is an error, not a failure of the architecture. */
function runCase(run: RunRecord): TestCase {
  const { outcome } = run
  const name = `round ${roundName(run)} ran to its end`
  switch (outcome.state) {
    case 'completed':
    case 'audit-failed':
      return { name, result: 'passed', message: '', output: outcome.state }
    case 'not-audited':
      return { name, result: 'skipped', message: `not audited: ${outcome.because}`, output: '' }
    case 'void':
      return { name, result: 'skipped', message: `void: ${outcome.because}`, output: '' }
    case 'aborted':
      return {
        name,
        result: 'error',
        message: `aborted (${outcome.by}): ${outcome.message}`,
        output: '',
      }
    case 'failed':
      return { name, result: 'error', message: `${outcome.code}: ${outcome.message}`, output: '' }
  }
}
