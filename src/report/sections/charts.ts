/** Charts on the page: a figure each, with its finding as title, a legend in words and its data as a table. */
import { formatQuantity } from '../../kit/units.ts'
import type { ChartSpec, Line, Panel } from '../charts/spec.ts'
import { inkClass } from '../inks.ts'
import { html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import { NEUTRAL_INK } from '../palette.ts'

export function chartsSection(charts: readonly ChartSpec[]): Markup {
  if (charts.length === 0) {
    return html`<section id="charts" aria-labelledby="charts-title">
      <h2 id="charts-title">Charts</h2>
      <p class="lead">No run left series to draw.</p>
    </section>`
  }
  return html`<section id="charts" aria-labelledby="charts-title">
    <h2 id="charts-title">Evidence</h2>
    ${charts.map(figure)}
  </section>`
}

function figure(chart: ChartSpec): Markup {
  const several = chart.panels.length > 1
  return html`<figure class="chart" id="chart-${chart.name}" data-chart="${chart.name}">
    <figcaption>
      <h3>${chart.title}</h3>
      <p>${chart.subtitle}</p>
    </figcaption>
    ${sharedLegend(chart)}
    <div class="panels${several ? ' several' : ''}">
      ${chart.panels.map((panel) => panelBlock(panel, chart))}
    </div>
    <details class="data">
      <summary>Data of this chart</summary>
      ${chart.panels.map((panel) => summaryTable(panel))}
      <p class="tools"><button type="button" class="copy-csv">Copy all points as CSV</button></p>
      <div class="all-points"></div>
    </details>
  </figure>`
}

function panelBlock(panel: Panel, chart: ChartSpec): Markup {
  const name = panel.title === null ? chart.title : `${chart.title}: ${panel.title}`
  const heading =
    panel.title === null
      ? nothing
      : html`<h4 class="${panel.ink === null ? '' : inkClass(panel.ink)}">
          ${panel.ink === null ? nothing : html`<span class="chip" aria-hidden="true"></span>`}${panel.title}
        </h4>`
  return html`<div class="panel">
    ${heading} ${panelLegend(panel)}
    <div class="plot${panel.lines.some((line) => line.labelled) ? ' tall' : ''}">
      <canvas role="img" aria-label="${name}. ${describe(panel)}"></canvas>
    </div>
  </div>`
}

/** Stacks are named beside each panel; lines with names at their ends get a list only where there is no room for those. */
function panelLegend(panel: Panel): Markup {
  if (panel.stacked) return legendList(panel.lines, { swatch: 'block', narrowOnly: false })
  const labelled = panel.lines.filter((line) => line.labelled)
  return labelled.length === 0
    ? nothing
    : legendList(labelled, { swatch: 'stroke', narrowOnly: true })
}

/** One sentence that stands for the picture: each line with its range. */
function describe(panel: Panel): string {
  const unit = panel.y.unit
  return panel.lines
    .map((line) => {
      const { lowest, highest } = rangeOf(line)
      return `${line.label} from ${formatQuantity(lowest, unit)} to ${formatQuantity(highest, unit)}`
    })
    .join('; ')
}

/** Strokes mean the same in all panels, whatever the colour: they are named once, in grey. */
function sharedLegend(chart: ChartSpec): Markup {
  const lines = chart.panels.flatMap((panel) =>
    panel.stacked ? [] : panel.lines.filter((line) => !line.labelled),
  )
  const byWords = new Map<string, Line>()
  for (const line of lines) {
    const words = line.label.replace(/^(stored) in .*$/, '$1')
    if (!byWords.has(words)) byWords.set(words, { ...line, label: words, ink: NEUTRAL_INK })
  }
  return byWords.size === 0
    ? nothing
    : legendList([...byWords.values()], { swatch: 'stroke', narrowOnly: false })
}

function legendList(
  lines: readonly Line[],
  options: { readonly swatch: 'stroke' | 'block'; readonly narrowOnly: boolean },
): Markup {
  return html`<ul class="legend${options.narrowOnly ? ' narrow' : ''}">
    ${lines.map(
      (line) =>
        html`<li class="${inkClass(line.ink)}">
          <span class="swatch ${options.swatch} ${line.style}" aria-hidden="true"></span
          >${line.label}
        </li>`,
    )}
  </ul>`
}

function summaryTable(panel: Panel): Markup {
  const unit = panel.y.unit
  const rows = panel.lines.map((line) => {
    const { lowest, median, highest, last } = rangeOf(line)
    const cells = [lowest, median, highest, last].map(
      (value) => html`<td class="num">${formatQuantity(value, unit)}</td>`,
    )
    return html`<tr>
      <th scope="row">${line.label}</th>
      ${cells}
    </tr>`
  })
  const levels = panel.levels.map(
    (level) =>
      html`<tr>
        <th scope="row">level: ${level.label}</th>
        <td class="num" colspan="4">${formatQuantity(level.at, unit)}</td>
      </tr>`,
  )
  return html`<table class="plain">
    <caption>
      ${panel.title ?? panel.y.title}
    </caption>
    <thead>
      <tr>
        <th scope="col">line</th>
        <th scope="col" class="num">lowest</th>
        <th scope="col" class="num">median</th>
        <th scope="col" class="num">highest</th>
        <th scope="col" class="num">last</th>
      </tr>
    </thead>
    <tbody>
      ${rows}${levels}
    </tbody>
  </table>`
}

function rangeOf(line: Line): {
  readonly lowest: number
  readonly median: number
  readonly highest: number
  readonly last: number
} {
  const values = line.points.flatMap(([, y]) => (y === null ? [] : [y]))
  const sorted = values.toSorted((a, b) => a - b)
  return {
    lowest: sorted[0] ?? 0,
    median: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0,
    highest: sorted.at(-1) ?? 0,
    last: values.at(-1) ?? 0,
  }
}
