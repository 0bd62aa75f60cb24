/** A card per documented trigger: the rule and where it stands, what was measured, what comes next. */
import type { Judgement, Verdict } from '../../judge/verdict.ts'
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

export function triggersSection(view: StudyView): Markup {
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
    <div class="cards">${[...byTrigger.values()].map(card)}</div>
  </section>`
}

function card(judged: readonly Judged[]): Markup {
  const [first] = judged
  if (first === undefined) return nothing
  const { trigger, title, rule, source, action } = first.judgement
  const anchors = [...new Set(judged.flatMap(({ judgement }) => judgement.anchors))]
  return html`<article
    class="card"
    id="trigger-${anchor(trigger)}"
    aria-labelledby="trigger-${anchor(trigger)}-title"
  >
    <h3 id="trigger-${anchor(trigger)}-title"><span class="id">${trigger}</span> ${title}</h3>
    <p class="rule">${rule}</p>
    <ul class="judged">
      ${groups(judged).map(group)}
    </ul>
    <dl>
      <div>
        <dt>Documented</dt>
        <dd>${source.document}<q>${source.quote}</q></dd>
      </div>
      <div>
        <dt>What to do</dt>
        <dd>${action}</dd>
      </div>
      ${
        anchors.length === 0
          ? nothing
          : html`<div>
              <dt>Real moves at or below this level</dt>
              <dd>
                <ul>
                  ${anchors.map((one) => html`<li>${one}</li>`)}
                </ul>
              </dd>
            </div>`
      }
    </dl>
  </article>`
}

/** Demand triggers say the same of every target: they are said once. */
function groups(judged: readonly Judged[]): readonly (readonly Judged[])[] {
  const byVerdict = new Map<string, Judged[]>()
  for (const one of judged) {
    const { verdict } = one.judgement
    const key = JSON.stringify(verdict.state === 'unknown' ? verdict : { ...verdict, runs: [] })
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
      ${badge(toneOf(verdict), stateWord(verdict), null)}<span class="names">${names}</span>
    </div>
    ${details(verdict)}
  </li>`
}

function details(verdict: Verdict): Markup {
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
  return html`<p>${verdict.because} <span class="evidence">${verdict.evidence}</span></p>
    ${
      headroom === null
        ? nothing
        : html`<p class="facts">
            <span>Headroom: <strong>${headroom}</strong></span
            >${fires === null ? nothing : html` <span>Fires: <strong>${fires}</strong></span>`}
          </p>`
    }`
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
        <dd>${limit.metric}, set by the ${limit.by}</dd>
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
