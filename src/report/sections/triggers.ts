/** A card per documented trigger: the rule and where it stands, what was measured, what comes next. */
import type { Judgement, Verdict } from '../../judge/verdict.ts'
import { findMetric } from '../../collect/metrics.ts'
import { inkClass } from '../inks.ts'
import { anchor, html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { badge } from './verdict.ts'
import { firesSentence, headroomWords, stateWord, toneOf } from './words.ts'

interface Judged {
  readonly target: TargetView
  readonly judgement: Judgement
}

/** The chart that shows a metric, by its family; a metric without one has no link. */
const CHART_OF: Readonly<Record<string, { readonly name: string; readonly words: string }>> = {
  latency: { name: 'latency-windows', words: 'p99 of each second' },
  wal: { name: 'wal', words: 'WAL by time' },
  freshness: { name: 'freshness', words: 'freshness by time' },
  backlog: { name: 'backlog', words: 'backlog by time' },
  replica: { name: 'replication', words: 'lag by time' },
  table: { name: 'table-health', words: 'dead tuples by time' },
  parts: { name: 'table-health', words: 'parts by time' },
  query: { name: 'query-seconds', words: 'every answer by time, with the rows it read' },
}

/** @param charts names of the charts on the page: only those are linked to */
export function triggersSection(view: StudyView, charts: readonly string[]): Markup {
  const byTrigger = new Map<string, Judged[]>()
  for (const target of view.targets) {
    for (const judgement of target.findings.judgements) {
      const known = byTrigger.get(judgement.trigger) ?? []
      byTrigger.set(judgement.trigger, [...known, { target, judgement }])
    }
  }
  if (byTrigger.size === 0) return nothing
  return html`<section id="triggers" aria-labelledby="triggers-title">
    <h2 id="triggers-title">Triggers</h2>
    <p class="lead">
      Documented reasons to migrate, each judged for your profile or against what was measured.
    </p>
    <div class="cards wide-cards">
      ${[...byTrigger.values()].map((judged) => card(judged, charts))}
    </div>
  </section>`
}

function card(judged: readonly Judged[], charts: readonly string[]): Markup {
  const [first] = judged
  if (first === undefined) return nothing
  const { trigger, title, rule, source, action } = first.judgement
  const anchors = distinct(judged, 'anchors')
  const unrated = distinct(judged, 'unratedAnchors')
  const id = `trigger-${anchor(trigger)}`
  return html`<article class="card trigger" id="${id}" aria-labelledby="${id}-title">
    <div>
      <h3 id="${id}-title"><span class="id">${trigger}</span> ${title}</h3>
      <p class="rule">${ruleBeyondTitle(rule, title)}</p>
      <dl>
        ${entry('Documented', html`${source.document}<q>${plainQuote(source.quote)}</q>`)}
        ${evidenceEntry(first.judgement, charts)} ${entry('What to do', html`${action}`)}
        ${anchors.length === 0 ? nothing : entry('Real moves at or below your rate', list(anchors))}
        ${unrated.length === 0 ? nothing : entry('Seen elsewhere, at a rate nobody published', list(unrated))}
      </dl>
    </div>
    <ul class="judged">
      ${groups(judged).map(group)}
    </ul>
  </article>`
}

function distinct(
  judged: readonly Judged[],
  which: 'anchors' | 'unratedAnchors',
): readonly string[] {
  return [...new Set(judged.flatMap(({ judgement }) => judgement[which]))]
}

function entry(term: string, definition: Markup): Markup {
  return html`<div>
    <dt>${term}</dt>
    <dd>${definition}</dd>
  </div>`
}

function evidenceEntry({ limits = [] }: Judgement, charts: readonly string[]): Markup {
  const families = new Set(limits.map(({ metric }) => metric.split('.')[0] ?? metric))
  const links = [...families].flatMap((family) => {
    const chart = CHART_OF[family]
    return chart === undefined || !charts.includes(chart.name)
      ? []
      : [html`<a href="#chart-${chart.name}">${chart.words}</a>`]
  })
  return links.length === 0 ? nothing : entry('Chart', html`${links}`)
}

function list(lines: readonly string[]): Markup {
  return html`<ul>
    ${lines.map((line) => html`<li>${line}</li>`)}
  </ul>`
}

/** The rule begins with the title, which stands above it already. */
function ruleBeyondTitle(rule: string, title: string): string {
  const rest = rule.startsWith(title) ? rule.slice(title.length).replace(/^[;,.\s]+/, '') : rule
  return rest === '' ? '' : `${rest.charAt(0).toUpperCase()}${rest.slice(1)}`
}

/** Documents quote rows of tables: their bars are not part of what they say. */
function plainQuote(quote: string): string {
  return quote.replace(/^\s*\|\s*|\s*\|\s*$/g, '').replace(/\s*\|\s*/g, ' – ')
}

/** Demand triggers say the same of every target: they are said once. */
function groups(judged: readonly Judged[]): readonly (readonly Judged[])[] {
  const byVerdict = new Map<string, Judged[]>()
  for (const one of judged) {
    const { verdict } = one.judgement
    const key = JSON.stringify('runs' in verdict ? { ...verdict, runs: [] } : verdict)
    byVerdict.set(key, [...(byVerdict.get(key) ?? []), one])
  }
  return [...byVerdict.values()]
}

function group(same: readonly Judged[]): Markup {
  const verdict = same[0]?.judgement.verdict
  if (verdict === undefined) return nothing
  const names = same.map(
    ({ target }) =>
      html`<span class="name ${inkClass(target.ink)}"
        ><span class="chip" aria-hidden="true"></span>${target.name}</span
      >`,
  )
  return html`<li>
    <div class="who">
      ${badge({ tone: toneOf(verdict), words: stateWord(verdict), evidence: null, detail: '' })}<span
        class="names"
        >${names}</span
      >
    </div>
    ${details(verdict)}
  </li>`
}

function details(verdict: Verdict): Markup {
  if (verdict.state === 'does-not-apply') return html`<p>${verdict.because}</p>`
  if (verdict.state === 'unknown') {
    return html`<p>${verdict.because}</p>
      <p class="command">
        <code>${verdict.command}</code
        ><button type="button" class="copy" aria-label="Copy the command that would tell">
          Copy
        </button>
      </p>`
  }
  const headroom = headroomWords(verdict)
  const fires = firesSentence(verdict)
  return html`${factsLine(headroom, fires)}
    <p class="because">${verdict.because} <span class="evidence">${verdict.evidence}</span></p>`
}

function factsLine(headroom: string | null, fires: string | null): Markup {
  const facts = [
    headroom === null ? null : html`<span>Headroom: <strong>${headroom}</strong></span> `,
    fires === null ? null : html`<span>Fires: <strong>${fires}</strong></span>`,
  ].filter((fact) => fact !== null)
  return facts.length === 0 ? nothing : html`<p class="facts">${facts}</p>`
}

/** What broke first, for each target that met a limit. */
export function limitsSection(view: StudyView): Markup {
  const limited = view.targets.filter((target) => target.findings.limit !== null)
  if (limited.length === 0) return nothing
  return html`<section id="limits" aria-labelledby="limits-title">
    <h2 id="limits-title">What broke first</h2>
    <div class="cards two">${limited.map(limitCard)}</div>
  </section>`
}

function limitCard({ name, ink, findings }: TargetView): Markup {
  const { limit } = findings
  if (limit === null) return nothing
  return html`<article class="card ${inkClass(ink)}">
    <h3><span class="chip" aria-hidden="true"></span>${name}</h3>
    <dl>
      <div>
        <dt>Limit</dt>
        <dd>${findMetric(limit.metric)?.title ?? limit.metric}, set by the ${limit.by}</dd>
      </div>
      <div>
        <dt>Evidence</dt>
        <dd>${limit.evidence}</dd>
      </div>
      <div>
        <dt>What moves it</dt>
        <dd>${limit.moves}</dd>
      </div>
    </dl>
  </article>`
}
