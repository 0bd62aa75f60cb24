/** One table: targets as rows, the same columns always, every figure a link to its evidence. Cards on a narrow screen. */
import type { Findings } from '../../judge/findings.ts'
import { inkClass } from '../inks.ts'
import { anchor, html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { formatNumber } from '../../kit/units.ts'
import { bestOf } from './best.ts'
import type { Best } from './best.ts'
import { COLUMNS } from './columns.ts'
import { evidenceAt } from './verdict.ts'
import type { Column } from './columns.ts'

/** @param anchors ids that exist on the page */
export function comparisonSection(view: StudyView, anchors: ReadonlySet<string>): Markup {
  const best = new Map(COLUMNS.map((column) => [column.id, bestOf(view.findings, column)]))
  const rows = view.targets.map((target) => row(target, { best, anchors }))
  return html`<section id="comparison" aria-labelledby="comparison-title">
    <h2 id="comparison-title">Comparison</h2>
    <p class="lead">${leadOf(view)}</p>
    <table class="comparison" data-sortable>
      <caption class="sr">
        Targets compared; each heading sorts the table
      </caption>
      <thead>
        <tr>
          <th scope="col">${sortButton('target', '')}</th>
          ${COLUMNS.map((column) => html`<th scope="col" class="${isNumeric(column) ? 'num' : ''}">${sortButton(column.title, column.unit)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${legendOf(view)}
  </section>`
}

function sortButton(title: string, unit: string): Markup {
  return html`<button type="button" class="sort">
    ${title}${unit === '' ? nothing : html`<small>${unit}</small>`}
  </button>`
}

interface RowOptions {
  readonly best: ReadonlyMap<string, ReadonlyMap<string, Best>>
  readonly anchors: ReadonlySet<string>
}

function row(target: TargetView, options: RowOptions): Markup {
  const cells = COLUMNS.map((column) => {
    const best = options.best.get(column.id)?.get(target.name) ?? null
    return cell(target, { column, best, anchors: options.anchors })
  })
  return html`<tr class="${inkClass(target.ink)}">
    <th scope="row" data-sort="${target.name}">
      <a href="#target-${anchor(target.name)}"
        ><span class="chip" aria-hidden="true"></span>${target.name}</a
      >
    </th>
    ${cells}
  </tr>`
}

interface CellOptions {
  readonly column: Column
  readonly best: Best | null
  readonly anchors: ReadonlySet<string>
}

function cell(target: TargetView, { column, best, anchors }: CellOptions): Markup {
  const value = column.value(target.findings)
  const text = column.text(target.findings)
  const sort = isNumeric(column) ? String(value ?? '') : text
  const label = column.unit === '' ? column.title : `${column.title}, ${column.unit}`
  const evidence = evidenceAt(column.evidence, anchors)
  const mark =
    best === null
      ? nothing
      : html`<span class="best ${best.kind}" title="${best.words}"
          ><span aria-hidden="true">${best.kind === 'ranked' ? '★' : '☆'}</span
          ><span class="sr"> ${best.words}</span></span
        >`
  return html`<td
    class="${isNumeric(column) ? 'num' : 'words'}"
    data-sort="${sort}"
    data-label="${label}"
  >
    ${mark}<a href="#${evidence}">${text}</a>
  </td>`
}

function isNumeric(column: Column): boolean {
  return column.id !== 'ack' && column.id !== 'parts'
}

function leadOf({ findings }: StudyView): string {
  const rates = [...new Set(findings.targets.map((target) => target.comparedAtPerS))]
  const [rate] = rates
  const known = rates.filter((one) => one !== null)
  if (rates.length === 1 && rate !== undefined && rate !== null) {
    return `Latency, freshness and cost at ${formatNumber(rate)} events/s, the same rate for every target. Select a heading to sort, a figure to see its evidence.`
  }
  return known.length === 0
    ? 'No rate was kept by every target. Select a figure to see its evidence.'
    : `Latency, freshness and cost at ${known.map(formatNumber).join(', ')} events/s: not every target at the same rate. Select a figure to see its evidence.`
}

function legendOf({ findings }: StudyView): Markup {
  const tiers = new Set(findings.targets.map((target) => target.durability))
  const tierSentence =
    tiers.size > 1
      ? 'Targets that promise different durability are never compared with each other: a star is the best of its tier.'
      : ''
  return html`<p class="legend-text">
    ★ best by separating intervals of three or more rounds. ☆ best measured, not ranked.
    ${tierSentence} ${unranked(findings).map((line) => html`<br />${line}`)}
  </p>`
}

/** Which columns have no ranking, once for each reason. */
function unranked(findings: Findings): readonly string[] {
  const columns = new Map<string, string[]>()
  for (const { metric, order, because } of findings.rankings) {
    const column = COLUMNS.find((one) => one.ranking === metric)
    if (order !== null || column === undefined) continue
    const reason = because.replace(/^no ranking:\s*/, '')
    columns.set(reason, [...(columns.get(reason) ?? []), column.title])
  }
  return [...columns].map(([reason, titles]) => `Not ranked: ${titles.join(', ')} – ${reason}.`)
}
