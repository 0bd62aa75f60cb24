/**
 * How long requests waited for a database connection, how old answers said they were (mission-map D10, D16), and whether those
 * that said they were current were (H13).
 */
import { findMetric, parseMetricKey } from '../../collect/metrics.ts'
import { formatCount, formatDurationMs, formatDurationS, formatRatio } from '../../kit/units.ts'
import type { Measured } from '../../results/record.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import type { StudyView } from '../study-view.ts'
import { seriesOf } from '../study-view.ts'
import { factTable } from './table.ts'

const WAITS = ['pool.waitMs', 'pool.waitMaxMs', 'pooler.waitMs', 'pooler.waitMaxMs']

type Rows = readonly (readonly Insertable[])[]

export function waitsSection(view: StudyView): Markup {
  const tables = [connections(view), answers(view), comparisons(view)].filter(
    (table) => table !== nothing,
  )
  if (tables.length === 0) return nothing
  return html`<section id="waits" aria-labelledby="waits-title">
    <h2 id="waits-title">Waits and stale answers</h2>
    ${tables}
  </section>`
}

export function hasWaits({ targets }: StudyView): boolean {
  return targets.some(
    ({ shown }) =>
      shown !== null &&
      (waitsOf(shown.measured).length > 0 ||
        shown.measured.queries.some((query) => saysItsAge(query) || query.compared !== undefined)),
  )
}

function connections(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, shown }): Rows => {
    if (shown === null) return []
    const { metrics, worst, steps } = shown.measured
    const series = seriesOf(view, shown.run)
    const fromMs = Math.min(...steps.map((step) => step.fromMs))
    return waitsOf(shown.measured).map((key) => {
      const { id, label } = parseMetricKey(key)
      const written = (value: number | undefined): string =>
        value === undefined ? '–' : formatDurationMs(value)
      const words = findMetric(id)
      const samples = (series.get(key) ?? []).filter(({ t }) => t >= fromMs).map(({ v }) => v)
      return [
        name,
        label ?? 'pooler',
        html`${words?.title ?? id} <small>(${words?.meaning ?? ''})</small>`,
        written(metrics[key]),
        written(worst[key]),
        written(samples.length === 0 ? undefined : Math.max(...samples)),
      ]
    })
  })
  if (rows.length === 0) return nothing
  const headings = [
    ...['target', 'at', 'wait of one sample'],
    ...['#mean of samples', '#worst 3 s (median)', '#highest sample'],
  ]
  return html`<h3 id="connection-waits">Waiting for a database connection</h3>
    <p class="lead">
      In the shown round: what the service and the pooler say of their own waiting, a sample a
      second, over all measured steps. The worst 3 s are those with the highest median of samples,
      or as long as the window of a limit of the scenario that names the metric.
    </p>
    ${factTable({ label: 'Waiting for a database connection', headings, rows })}`
}

function waitsOf({ metrics, worst }: Pick<Measured, 'metrics' | 'worst'>): readonly string[] {
  const keys = new Set([...Object.keys(metrics), ...Object.keys(worst)])
  const isWait = (key: string): boolean => WAITS.includes(parseMetricKey(key).id)
  return [...keys].filter(isWait).toSorted()
}

type Query = Measured['queries'][number]

function saysItsAge({ staleRatio, saidLagMaxS }: Query): boolean {
  return staleRatio !== undefined || saidLagMaxS !== undefined
}

function answers({ targets }: StudyView): Markup {
  const rows = targets.flatMap(({ name, shown }): Rows =>
    (shown?.measured.queries ?? [])
      .filter(saysItsAge)
      .map((query) => [
        name,
        query.name,
        formatCount(query.answered),
        query.staleRatio === undefined ? '–' : formatRatio(query.staleRatio),
        query.saidLagMaxS === undefined ? '–' : formatDurationS(query.saidLagMaxS),
      ]),
  )
  if (rows.length === 0) return nothing
  const headings = ['target', 'query', '#answers', '#said to be stale', '#longest said lag']
  return html`<h3 id="stale-answers">What answers said of their own age</h3>
    <p class="lead">
      Of all answers in the shown round those with <code>stale: true</code>, and the longest
      <code>X-Data-Lag-Seconds</code>: the service’s own word, for a banner in front of a reader.
    </p>
    ${factTable({ label: 'What answers said of their own age', headings, rows })}`
}

function comparisons({ targets }: StudyView): Markup {
  const rows = targets.flatMap(({ name, shown }): Rows =>
    (shown?.measured.queries ?? []).flatMap(({ name: query, compared, lackingRatio = 0 }) =>
      compared === undefined
        ? []
        : [[name, query, formatCount(compared), formatRatio(lackingRatio)]],
    ),
  )
  if (rows.length === 0) return nothing
  const headings = ['target', 'query', '#answers compared', '#lacked a write']
  return html`<h3 id="own-writes">Whether readers saw what was acknowledged</h3>
    <p class="lead">
      Reads of entities in the shown round that claimed to be current: each must show a write that
      was acknowledged before it was asked for, or a newer one. Compared by the driver.
    </p>
    ${factTable({ label: 'Whether readers saw what was acknowledged', headings, rows })}`
}
