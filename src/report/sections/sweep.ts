/**
 * A sweep as a table: the values of its axes in front, then each figure with its interval and its ratio to the base. Where
 * the rounds overlap it says so instead of a ratio.
 */
import { ratioInWords } from '../../judge/sweep-verdict.ts'
import type { SweepCell, SweepFindings, SweepRow } from '../../judge/sweep.ts'
import type { Swept } from '../../judge/swept.ts'
import { formatNumber, formatQuantity } from '../../kit/units.ts'
import type { Interval } from '../../results/record.ts'
import { anchor, html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView } from '../study-view.ts'
import { tierWords } from './words.ts'

export function sweepSection({ findings: { sweep, study } }: StudyView): Markup {
  if (sweep === null || study.kind !== 'sweep') return nothing
  const figures = shownColumns(sweep)
  const targets = new Set(sweep.rows.map(({ of }) => of))
  const headings = [...(targets.size > 1 ? ['target'] : []), ...sweep.axes.map(({ name }) => name)]
  const left = study.sweep.notMeasured ?? []
  return html`<section id="sweep" aria-labelledby="sweep-title">
    <h2 id="sweep-title">What varies</h2>
    <p class="lead">${leadOf(sweep)}</p>
    <div class="wide" role="region" aria-label="Points of the sweep" tabindex="0">
      <table class="plain sweep" data-sortable>
        <thead>
          <tr>
            ${headings.map((words) => html`<th scope="col">${sortButton(words)}</th>`)}
            ${figures.map(({ words }) => html`<th scope="col" class="num">${sortButton(words)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${sweep.rows.map((row) => rowOf(row, { figures, withTarget: targets.size > 1 }))}
        </tbody>
      </table>
    </div>
    ${legendOf(sweep)} ${left.length === 0 ? nothing : html`<p>Left out: ${left.join('; ')}.</p>`}
  </section>`
}

/** What the sweep asks for is shown though nothing knew it; of what all sweeps have, only what was measured. */
export function shownColumns({ columns, rows }: SweepFindings): readonly Swept[] {
  return columns.filter(
    ({ asked }, at) =>
      asked !== null || rows.some(({ cells }) => (cells[at]?.interval ?? null) !== null),
  )
}

/** What stands where a point has no figure. */
export function missingWords({ asked }: Swept): string {
  return asked === null ? '–' : 'not measured'
}

function sortButton(words: string): Markup {
  return html`<button type="button" class="sort">${words}</button>`
}

function leadOf({ rows }: SweepFindings): string {
  const rates = [...new Set(rows.map(({ atPerS }) => atPerS))]
  const [rate] = rates
  const at =
    rates.length === 1 && rate !== undefined && rate !== null
      ? `Latency and cost at ${formatNumber(rate)} events/s at every point.`
      : 'Not every point kept the same rate: each figure is at the highest rate that its own point kept.'
  const unpaired = rows.some(({ unpairedRounds }) => unpairedRounds > 0)
    ? ' A run that was made again at the end of the study counts in its interval and in no ratio: no base ran beside it.'
    : ''
  return `${at} Ratios are to the base of the same target, round by round.${unpaired}`
}

function legendOf({ columns, rows }: SweepFindings): Markup {
  const other = rows.filter(({ promisesOther }) => promisesOther)
  const tiers = [...new Set(other.flatMap(({ durability }) => durability ?? []))]
  const promise =
    other.length === 0
      ? ''
      : `† promises something else than its base: ${tiers.map(tierWords).join(', ')}. Such points are never the best of the others.`
  return html`<p class="legend-text">
    ★ none of those with the same promise is better, and some are worse. “No difference seen”: the
    intervals of the rounds overlap. ${askedWords(columns)} ${promise}
  </p>`
}

/** The first columns are not what the others are of. */
function askedWords(columns: readonly Swept[]): string {
  const asked = columns.filter((column) => column.asked !== null)
  if (asked.length === 0) return ''
  return `${asked.length === 1 ? 'The first figure is what' : `The first ${formatNumber(asked.length)} figures are what`} this sweep asks for: answers of queries over the whole run, what they read and what is stored at its end, all else within the step compared.`
}

function rowOf(
  row: SweepRow,
  { figures, withTarget }: { readonly figures: readonly Swept[]; readonly withTarget: boolean },
): Markup {
  const mark = row.promisesOther
    ? html`<abbr title="${tierWords(row.durability ?? 'nothing')}">†</abbr>`
    : nothing
  const names = withTarget ? [row.of, ...row.levels] : row.levels
  const sorts = withTarget ? [null, ...row.numbers] : row.numbers
  return html`<tr id="point-${anchor(row.target)}" class="${row.isBase ? 'base' : ''}">
    ${names.map((words, at) => {
      const sort = String(sorts[at] ?? words)
      return at === 0
        ? html`<th scope="row" data-sort="${sort}">
            <a href="#target-${anchor(row.target)}">${words}</a>${mark}
          </th>`
        : html`<td data-sort="${sort}">${words}</td>`
    })}
    ${figures.map((swept) =>
      cellOf(
        swept,
        row.cells.find(({ figure }) => figure === swept.figure),
      ),
    )}
  </tr>`
}

function cellOf(swept: Swept, cell: SweepCell | undefined): Markup {
  if (cell === undefined || cell.interval === null) {
    return html`<td class="num" data-sort="">${missingWords(swept)}</td>`
  }
  const star = cell.best
    ? html`<span class="best ranked" title="best"
        ><span aria-hidden="true">★</span><span class="sr"> best</span></span
      >`
    : nothing
  return html`<td class="num" data-sort="${cell.interval.mid}">
    ${star}${intervalText(cell.interval, swept.unit)}<br /><small>${againstBase(cell)}</small>
  </td>`
}

/** `4.3 ms (4.1–4.6)`, or the one value on which all rounds agree. */
function intervalText({ low, mid, high }: Interval, unit: string): string {
  const [lowest, middle, highest] = [low, mid, high].map((value) => formatQuantity(value, unit))
  return lowest === highest
    ? (middle ?? '')
    : `${middle ?? ''} (${lowest ?? ''} – ${highest ?? ''})`
}

/** What stands in the cell below the figure. */
export function againstBase({ seen, ratio }: Pick<SweepCell, 'seen' | 'ratio'>): string {
  const words = ratio === null ? null : ratioInWords(ratio)
  switch (seen) {
    case 'base':
      return 'base'
    case 'better':
    case 'worse':
    case 'differs':
      return words ?? `${seen}, no ratio`
    case 'no-difference':
      return `no difference seen${words === null ? '' : ` (${words})`}`
    case 'too-few-rounds':
      return `too few rounds${words === null ? '' : ` (${words})`}`
    case 'not-measured':
      return 'its base has none'
  }
}
