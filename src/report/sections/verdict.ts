/** The top of the page: what is wrong with the study, if anything is, the verdict, and a sentence and badges per target. */
import { isMadeUp, roundName } from '../../results/made-again.ts'
import type { Judgement } from '../../judge/verdict.ts'
import type { RunRecord } from '../../results/record.ts'
import { inkClass } from '../inks.ts'
import { anchor, html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { driverHealth, stateWord, tierNote, tierWords, toneOf } from './words.ts'
import type { Tone } from './words.ts'

/** @param anchors ids that exist on the page */
export function verdictSection(view: StudyView, anchors: ReadonlySet<string>): Markup {
  const { findings } = view
  return html`<section id="verdict" aria-labelledby="verdict-title">
    ${noticeOf(view)}
    <h1 id="verdict-title">${headline(findings.verdict)}</h1>
    ${findings.phase === '' ? nothing : html`<p class="phase">${findings.phase}</p>`}
    <ul class="targets">
      ${view.targets.map((target) => targetItem(target, anchors))}
    </ul>
    ${caveatList(findings.caveats)}
  </section>`
}

/** The first clause large, what follows it in reading size; together they are the sentence as the judge wrote it. */
function headline(verdict: string): Markup {
  const match = /^(.+?)([;:]) (.+)$/s.exec(verdict)
  if (match === null) return html`${verdict}`
  const [, first, mark, rest] = match
  return html`${first ?? ''}<span class="sr">${mark ?? ''}</span>
    <span class="rest">${upperFirst(rest ?? '')}</span>`
}

/** It begins a line of its own; a target’s name stays as it is written. */
function upperFirst(words: string): string {
  const first = words.split(' ')[0] ?? ''
  const isName = first.includes('-')
  return isName ? words : `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}

/** Everything that keeps this from being a whole and valid study, before anything else is read. */
function noticeOf(view: StudyView): Markup {
  const lines = studyProblems(view)
  if (lines.length === 0) return nothing
  return html`<div class="notice" role="note">
    <p><strong>This is not a complete result.</strong></p>
    <ul>
      ${lines.map((line) => html`<li>${line}</li>`)}
    </ul>
  </div>`
}

export function studyProblems(view: StudyView): readonly string[] {
  const { study, runs } = view.findings
  const problems: string[] = []
  if (study.cutShort !== null) problems.push(`The study was cut short: ${study.cutShort}`)
  for (const run of runs) {
    const problem = isMadeUp(run, runs) ? null : problemOf(run)
    if (problem !== null) {
      problems.push(`${run.target.name}, round ${roundName(run)}: ${problem}`)
    }
  }
  const missing = study.targets.filter(
    (target) => !runs.some((run) => run.target.name === target.name),
  )
  for (const target of missing) problems.push(`${target.name}: no run of it was made`)
  return problems
}

function problemOf({ outcome }: RunRecord): string | null {
  switch (outcome.state) {
    case 'completed':
      return null
    case 'audit-failed':
      return 'the audit failed: a store does not hold what was acknowledged'
    case 'not-audited':
      return `not audited, so nothing of it is proven: ${outcome.because}`
    case 'void':
      return `void, it does not count: ${outcome.because}`
    case 'aborted':
      return `aborted (${outcome.by}): ${outcome.message}`
    case 'failed':
      return `failed (${outcome.code}): ${outcome.message}`
  }
}

function targetItem(target: TargetView, anchors: ReadonlySet<string>): Markup {
  const { findings } = target
  const badges = [
    // What does not apply says nothing about a target: the trigger's card names it.
    ...findings.judgements
      .filter(({ verdict }) => verdict.state !== 'does-not-apply')
      .map(triggerBadge),
    auditBadge(target),
    driverBadge(target),
    tierBadge(findings),
  ].map((one) => ({ ...one, evidence: evidenceAt(one.evidence, anchors) }))
  return html`<li class="target ${inkClass(target.ink)}" id="target-${anchor(target.name)}">
    <h2><span class="chip" aria-hidden="true"></span>${target.name}</h2>
    <p class="sentence">${findings.sentence}</p>
    <ul class="badges" aria-label="Badges of ${target.name}">
      ${badges.map((one) => html`<li>${badge(one)}</li>`)}
    </ul>
  </li>`
}

/** A link never leads nowhere: where a chart or a table is missing, the list of runs says why. */
export function evidenceAt(evidence: string | null, anchors: ReadonlySet<string>): string {
  return evidence !== null && anchors.has(evidence) ? evidence : 'runs'
}

export interface Badge {
  readonly tone: Tone
  readonly words: string
  /** Where the evidence is, without the leading #; null for a badge that leads nowhere. */
  readonly evidence: string | null
  /** More about it, for who points at it. */
  readonly detail: string
}

export function badge({ tone, words, evidence, detail }: Badge): Markup {
  const inner = html`<span class="dot" aria-hidden="true"></span>${words}`
  const titled = detail === '' ? nothing : html` title="${detail}"`
  return evidence === null
    ? html`<span class="badge is-${tone}" ${titled}>${inner}</span>`
    : html`<a class="badge is-${tone}" href="#${evidence}" ${titled}>${inner}</a>`
}

function triggerBadge({ verdict, trigger, title }: Judgement): Badge {
  const words = `${trigger} ${stateWord(verdict)}`
  return { tone: toneOf(verdict), words, evidence: `trigger-${anchor(trigger)}`, detail: title }
}

function auditBadge(target: TargetView): Badge {
  const { auditPassed, lostEvents, audit } = target.findings
  const base = { evidence: 'audit', detail: '' }
  const audited = target.runs.some(
    (run) => run.outcome.state !== 'failed' && run.outcome.audit !== null,
  )
  if (!audited) return { ...base, tone: 'unknown', words: 'not audited' }
  if (!auditPassed) return { ...base, tone: 'bad', words: 'audit failed' }
  return audit?.verdict === 'as-promised' || (lostEvents ?? 0) > 0
    ? { ...base, tone: 'warning', words: 'audit as promised' }
    : { ...base, tone: 'good', words: 'audit whole' }
}

function driverBadge(target: TargetView): Badge {
  return { ...driverHealth(target), evidence: 'chart-send-delay' }
}

function tierBadge({ durability }: TargetView['findings']): Badge {
  const detail = tierNote(durability) ?? ''
  return { tone: 'plain', words: tierWords(durability), evidence: 'promises', detail }
}

function caveatList(caveats: readonly string[]): Markup {
  if (caveats.length === 0) return nothing
  return html`<aside class="caveats" aria-label="What to keep in mind">
    <h2>Keep in mind</h2>
    <ul>
      ${caveats.map((caveat) => html`<li>${caveat}</li>`)}
    </ul>
  </aside>`
}
