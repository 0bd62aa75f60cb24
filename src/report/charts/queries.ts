/** How long each analytical query took and how many rows it read: a panel per query, all targets in it. */
import { formatDurationS, formatMany } from '../../kit/units.ts'
import type { Measured } from '../../results/record.ts'
import { thin } from '../../results/thin.ts'
import { toChartPoints } from '../series.ts'
import type { RunSeries, SeriesPoint } from '../series.ts'
import { seriesOf } from '../study-view.ts'
import type { StudyView } from '../study-view.ts'
import { levelsOf } from './levels.ts'
import { compareText, instancesOf } from './lines.ts'
import { logRange, timeAxis, valuesOf } from './panels.ts'
import type { ChartSpec, Level, Line, Panel } from './spec.ts'

/** Lines one target can bring: Q1 to Q4, and Q11 of one with an outbox. */
export const QUERY_LINES = 5

/** The answers of one target to one query. */
interface Answers {
  readonly target: string
  readonly query: string
  readonly lines: readonly Line[]
  /** Rows read, over all answers drawn, or by the one that was explained after the run; null where nothing says. */
  readonly rows: {
    readonly least: number
    readonly most: number
    readonly of: 'answers' | 'explained'
  } | null
}

export function queryChart(view: StudyView, limit: number): ChartSpec | null {
  const answers = view.targets.flatMap((target) => {
    if (target.shown === null) return []
    const series = seriesOf(view, target.shown.run)
    return instancesOf(series, 'query.seconds').flatMap(({ label, points }) =>
      label === null
        ? []
        : [
            answersOf(
              { target, query: label, points, series, explained: explainedRows(target, label) },
              limit,
            ),
          ],
    )
  })
  if (answers.length === 0) return null
  const shown = view.targets.flatMap((target) =>
    target.shown === null ? [] : [{ target: target.name, measured: target.shown.measured }],
  )
  const queries = [...new Set(answers.map(({ query }) => query))].sort(compareText)
  const levels = new Map(queries.map((query) => [query, levelsOf(view, `query.seconds{${query}}`)]))
  const range = logRange(
    valuesOf(answers.flatMap(({ lines }) => lines)),
    [...levels.values()].flat(),
  )
  return {
    name: 'query-seconds',
    title: titleOf(
      shown,
      [...levels].filter(([, of]) => of.length > 0),
    ),
    subtitle: `${subtitleOf(shown)}${explainedInWords(answers)}${silentInWords(answers)}`,
    panels: queries.map((query): Panel => {
      const own = answers.filter((one) => one.query === query)
      return {
        title: `${query}${rowsInWords(own)}`,
        ink: null,
        stacked: false,
        x: timeAxis(shown.map(({ measured }) => measured)),
        y: { title: 'time to answer', unit: 's', ticks: null, ...range },
        lines: own.flatMap(({ lines }) => lines),
        levels: levels.get(query) ?? [],
        marks: [],
        bands: [],
      }
    }),
  }
}

function answersOf(
  answers: {
    readonly target: StudyView['targets'][number]
    readonly query: string
    readonly points: readonly SeriesPoint[]
    readonly series: RunSeries
    readonly explained: number | null
  },
  limit: number,
): Answers {
  const { target, query, series, explained } = answers
  const points = thin(answers.points, limit)
  const rows = valuesAt(series.get(`query.rowsRead{${query}}`) ?? [], points)
  const known = rows.filter((value) => value !== null)
  const line: Line = {
    label: target.name,
    ink: target.ink,
    style: 'points',
    labelled: true,
    points: toChartPoints(points),
    ...(known.length === 0 ? {} : { beside: { title: 'rows read', unit: 'rows', values: rows } }),
  }
  return { target: target.name, query, lines: [line], rows: rangeOf(known) ?? onceRead(explained) }
}

function rangeOf([first, ...rest]: readonly number[]): Answers['rows'] {
  if (first === undefined) return null
  return {
    least: rest.reduce((a, b) => Math.min(a, b), first),
    most: rest.reduce((a, b) => Math.max(a, b), first),
    of: 'answers',
  }
}

function onceRead(rows: number | null): Answers['rows'] {
  return rows === null ? null : { least: rows, most: rows, of: 'explained' }
}

function explainedRows({ shown }: StudyView['targets'][number], query: string): number | null {
  const found = shown?.measured.queries.find(({ name }) => name === query)
  return found?.plan === undefined ? null : found.rowsRead
}

/** Rows read are sampled with the seconds, but thinned by themselves: the last known value stands where one is left out. */
function valuesAt(
  points: readonly SeriesPoint[],
  moments: readonly SeriesPoint[],
): readonly (number | null)[] {
  let at = 0
  return moments.map(({ t }) => {
    while (at + 1 < points.length && (points[at + 1]?.t ?? 0) <= t) at++
    const found = points[at]
    return found !== undefined && found.t <= t ? found.v : null
  })
}

function rowsInWords(answers: readonly Answers[]): string {
  const rows = answers.flatMap((one) => (one.rows === null ? [] : [one.rows]))
  if (rows.length === 0) return ''
  const least = formatMany(Math.min(...rows.map((one) => one.least)))
  const most = formatMany(Math.max(...rows.map((one) => one.most)))
  const range = least === most ? least : `${least} to ${most}`
  return `, ${range} ${most === '1' ? 'row' : 'rows'} read`
}

function explainedInWords(answers: readonly Answers[]): string {
  const explained = new Set(
    answers.flatMap((one) => (one.rows?.of === 'explained' ? [one.target] : [])),
  )
  if (explained.size === 0) return ''
  return ` Rows read by ${[...explained].join(', ')} are those of one execution under EXPLAIN after the run.`
}

/** Some answers do not tell what was read for them: a reader must not take that for nothing read. */
function silentInWords(answers: readonly Answers[]): string {
  const silent = new Set(answers.flatMap((one) => (one.rows === null ? [one.target] : [])))
  return silent.size === 0 ? '' : ` Rows read are not told by ${[...silent].join(', ')}.`
}

type Shown = readonly { readonly target: string; readonly measured: Measured }[]

/** The slowest of the queries a level is drawn for, by its median, against the lowest of those levels. */
function titleOf(shown: Shown, judged: readonly (readonly [string, readonly Level[]])[]): string {
  const names = judged.map(([query]) => query)
  const slowest = shown
    .flatMap(({ target, measured }) =>
      measured.queries
        .filter(({ name }) => names.length === 0 || names.includes(name))
        .flatMap(({ name, seconds, rowsRead }) =>
          seconds === null ? [] : [{ target, name, p50: asNumber(seconds.p50), rowsRead }],
        ),
    )
    .toSorted((a, b) => b.p50 - a.p50)[0]
  if (slowest === undefined) return 'How long the queries took'
  const { target, name, p50, rowsRead } = slowest
  const rows = rowsRead === null ? '' : ` over ${formatMany(rowsRead)} rows`
  const [limit] = judged.flatMap(([, levels]) => levels).toSorted((a, b) => a.at - b.at)
  const against = limit === undefined ? '' : `; the limit is ${formatDurationS(limit.at)}`
  return Number.isFinite(p50)
    ? `The slowest query took ${formatDurationS(p50)} (median of ${name} in ${target}${rows})${against}`
    : `More than half of the answers to ${name} never came in ${target}${against}`
}

function subtitleOf(shown: Shown): string {
  const drawn =
    'Each point is an answer in the shown rounds, where it was asked for, while events arrived. All panels share the scale.'
  const failed = shown.flatMap(({ target, measured }) =>
    measured.queries.flatMap(({ name, failed: times }) =>
      times === 0 ? [] : [`${name} in ${target} ${formatMany(times)}×`],
    ),
  )
  return failed.length === 0 ? drawn : `${drawn} Never answered: ${failed.join(', ')}.`
}

function asNumber(quantile: number | 'infinite'): number {
  return quantile === 'infinite' ? Infinity : quantile
}
