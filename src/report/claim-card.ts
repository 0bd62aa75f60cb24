/** One claim on the page: the sentence and where it stands, its figures, and what the engine said. */
import type { ClaimFinding, ClaimVerdict, MeasureFinding, SeenFinding } from '../judge/claims.ts'
import { boundsWords, doubtWords } from '../judge/claims.ts'
import { formatInterval, formatQuantity } from '../kit/units.ts'
import { html, nothing } from './markup.ts'
import type { Insertable, Markup } from './markup.ts'
import { factTable } from './sections/table.ts'
import { badge } from './sections/verdict.ts'
import type { Tone } from './sections/words.ts'

const TONES: Readonly<Record<ClaimVerdict, Tone>> = {
  confirmed: 'good',
  qualified: 'warning',
  refuted: 'bad',
  'not measured': 'unknown',
}

export function verdictBadge(verdict: ClaimVerdict): Markup {
  return badge({ tone: TONES[verdict], words: verdict, evidence: null, detail: '' })
}

export function claimCard(finding: ClaimFinding, id: string): Markup {
  const { claim, verdict, because, reading, measures } = finding
  return html`<article class="card trigger" id="${id}" aria-labelledby="${id}-title">
    <div>
      <h3 id="${id}-title"><span class="id">${claim.id}</span> ${claim.title}</h3>
      <dl>
        ${entry(
          'Claimed',
          html`${claim.source.document}, seeds/${claim.source.file}<q>${claim.source.quote}</q>`,
        )}
        ${entry('Measured under', claim.conditions.trim())} ${entry('On', finding.ranOn)}
      </dl>
    </div>
    <div class="judged">
      <p>${verdictBadge(verdict)}</p>
      <p class="because">${because}</p>
      ${reading === '' ? nothing : html`<p>${reading}</p>`}
      ${factTable({
        label: `Figures of ${claim.id}`,
        headings: ['Figure', '#Measured', '#Documented', 'Seen before', 'Role'],
        rows: measures.map(measureRow),
      })}
      ${textsOf(finding)}
    </div>
  </article>`
}

function entry(term: string, definition: Insertable): Markup {
  return html`<div>
    <dt>${term}</dt>
    <dd>${definition}</dd>
  </div>`
}

const ROLES = { decides: 'decides', limits: 'limits', context: 'context' } as const

function measureRow(measure: MeasureFinding): readonly Insertable[] {
  const role = `${ROLES[measure.role]}, ${measure.kind}`
  const documented = boundsWords(measure) ?? '–'
  if (measure.state === 'not measured') {
    return [measure.says, 'not measured', documented, measure.because, role]
  }
  const rounds = `${String(measure.rounds)} ${measure.rounds === 1 ? 'round' : 'rounds'}`
  return [
    measure.says,
    formatInterval(measure.interval, measure.unit),
    documented,
    measure.seen === null ? '–' : seenWords(measure.seen, measure.unit),
    `${role}, ${rounds}${doubtWords(measure)}`,
  ]
}

export function seenWords({ value, where, agrees, differs }: SeenFinding, unit: string): string {
  const seen = `${formatQuantity(value, unit)}, ${where}`
  if (agrees) return `${seen}: agrees`
  return `${seen}: differs${differs === null ? '' : `, ${differs}`}`
}

function textsOf({ claim, texts }: ClaimFinding): Markup {
  if (texts.length === 0) return nothing
  return html`<details>
    <summary>What the server said</summary>
    ${factTable({
      label: `What the server said for ${claim.id}`,
      headings: ['Step', 'Text'],
      rows: texts.map(({ name, text }) => [name, html`<code>${text}</code>`]),
    })}
  </details>`
}
