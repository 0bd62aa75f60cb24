/** The top of the page: what is wrong with the study, if anything is, the verdict, and a sentence and badges per target. */
import type { Judgement } from '../../judge/verdict.ts'
import type { RunRecord } from '../../results/record.ts'
import { inkClass } from '../inks.ts'
import { anchor, html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { badgeWords, driverHealth, tierNote, tierWords, toneOf } from './words.ts'
import type { Tone } from './words.ts'

export function verdictSection(view: StudyView): Markup {
  const { findings } = view
  return html`<section id="verdict" aria-labelledby="verdict-title">
    ${noticeOf(view)}
    <h1 id="verdict-title">${headline(findings.verdict)}</h1>
    ${findings.phase === '' ? nothing : html`<p class="phase">${findings.phase}</p>`}
    <ul class="targets">
      ${view.targets.map(targetItem)}
    </ul>
    ${caveatList(findings.caveats)}
  </section>`
}

/** The first clause large, what follows it in reading size; together they are the sentence as the judge wrote it. */
function headline(verdict: string): Markup {
  const end = verdict.indexOf(';')
  if (end < 0) return html`${verdict}`
  return html`${verdict.slice(0, end + 1)}
    <span class="rest">${verdict.slice(end + 1).trim()}</span>`
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
    const problem = problemOf(run)
    if (problem !== null) {
      problems.push(`${run.target.name}, round ${String(run.round)}: ${problem}`)
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
    case 'void':
      return `void, it does not count: ${outcome.because}`
    case 'aborted':
      return `aborted (${outcome.by}): ${outcome.message}`
    case 'failed':
      return `failed (${outcome.code}): ${outcome.message}`
  }
}

function targetItem(target: TargetView): Markup {
  const { findings } = target
  return html`<li class="target ${inkClass(target.ink)}" id="target-${anchor(target.name)}">
    <h2><span class="chip" aria-hidden="true"></span>${target.name}</h2>
    <p class="sentence">${findings.sentence}</p>
    <ul class="badges" aria-label="Badges of ${target.name}">
      ${findings.judgements.map(triggerBadge)} ${auditBadge(target)} ${driverBadge(target)}
      ${tierBadge(target)}
    </ul>
  </li>`
}

export function badge(tone: Tone, words: string, href: string | null, detail = ''): Markup {
  const inner = html`<span class="dot" aria-hidden="true"></span>${words}`
  const titled = detail === '' ? nothing : html` title="${detail}"`
  return href === null
    ? html`<span class="badge is-${tone}" ${titled}>${inner}</span>`
    : html`<a class="badge is-${tone}" href="${href}" ${titled}>${inner}</a>`
}

function triggerBadge(judgement: Judgement): Markup {
  const href = `#trigger-${anchor(judgement.trigger)}`
  return html`<li>
    ${badge(toneOf(judgement.verdict), badgeWords(judgement), href, judgement.title)}
  </li>`
}

function auditBadge(target: TargetView): Markup {
  const { auditPassed, lostEvents } = target.findings
  const audited = target.runs.some(
    (run) => run.outcome.state !== 'failed' && run.outcome.audit !== null,
  )
  const href = '#audit'
  if (!audited) return html`<li>${badge('unknown', 'not audited', href)}</li>`
  if (!auditPassed) return html`<li>${badge('bad', 'audit failed', href)}</li>`
  const words = lostEvents > 0 ? 'audit as promised' : 'audit whole'
  return html`<li>${badge(lostEvents > 0 ? 'warning' : 'good', words, href)}</li>`
}

function driverBadge(target: TargetView): Markup {
  const { tone, words, detail } = driverHealth(target)
  return html`<li>${badge(tone, words, '#chart-send-delay', detail)}</li>`
}

function tierBadge({ findings }: TargetView): Markup {
  const note = tierNote(findings.durability)
  return html`<li>${badge('plain', tierWords(findings.durability), '#promises', note ?? '')}</li>`
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
