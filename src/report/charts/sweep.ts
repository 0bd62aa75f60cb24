/** Value → figure, for every axis of a sweep whose values are numbers: the middle of the rounds and their interval. */
import type { SweepFindings, SweepRow } from '../../judge/sweep.ts'
import { formatNumber } from '../../kit/units.ts'
import type { Interval } from '../../results/record.ts'
import { anchor } from '../markup.ts'
import { inkOf } from '../palette.ts'
import type { StudyView } from '../study-view.ts'
import { ROWS_PATH, cacheLevels, outOfCache, sizeRange } from './index-size.ts'
import { LOG_FROM, linearRange, logRange, valuesOf } from './panels.ts'
import type { Axis, ChartSpec, Line, Panel, Point } from './spec.ts'

export function sweepCharts({ findings: { sweep } }: StudyView): readonly ChartSpec[] {
  if (sweep === null) return []
  return sweep.axes.flatMap((_axis, at) => {
    const chart = chartOf(sweep, at)
    return chart === null ? [] : [chart]
  })
}

function chartOf(sweep: SweepFindings, axisAt: number): ChartSpec | null {
  const axis = sweep.axes[axisAt]
  const values = [...new Set(sweep.rows.map(({ numbers }) => numbers[axisAt] ?? null))]
  const known = values.filter((value) => value !== null).toSorted((a, b) => a - b)
  if (axis === undefined || known.length < values.length || known.length < 2) return null
  const groups = groupsOf(sweep, axisAt)
  const x = axisOf({ name: axis.name, values: known })
  const isOfRows = axis.path === ROWS_PATH
  const curves = sweep.columns.map((column, at) => ({
    ...column,
    intervalOf: ({ cells }: SweepRow) => cells[at]?.interval ?? null,
  }))
  const drawn = (curve: Curve): readonly Line[] =>
    [...groups].flatMap(([label, rows], at) => linesOf(rows, { curve, axisAt, label, at }))
  const sizes = isOfRows ? drawn(INDEX_SIZE) : []
  const marks = isOfRows ? outOfCache(ownLines(sizes, groups)) : []
  const panels = curves.flatMap((curve): Panel[] => {
    const lines = drawn(curve)
    return lines.length === 0 ? [] : [{ ...panelOf(curve, lines, x), marks }]
  })
  if (sizes.length > 0) panels.push({ ...indexPanel(sizes, sweep.rows, x), marks })
  if (panels.length === 0) return null
  return {
    name: `sweep-${anchor(axis.name)}`,
    title: `What ${axis.name} changes, from ${formatNumber(known[0] ?? 0)} to ${formatNumber(known.at(-1) ?? 0)}`,
    subtitle: `The median of the rounds at each value; faint lines are the interval over rounds.`,
    panels,
  }
}

/** A figure as it is drawn. */
interface Curve {
  readonly words: string
  readonly unit: string
  readonly intervalOf: (row: SweepRow) => Interval | null
}

const INDEX_SIZE: Curve = {
  words: 'index size at the end of the run',
  unit: 'bytes',
  intervalOf: ({ indexBytes }) => indexBytes,
}

function indexPanel(lines: readonly Line[], rows: readonly SweepRow[], x: Axis): Panel {
  const levels = cacheLevels(rows)
  const panel = panelOf(INDEX_SIZE, lines, x)
  return { ...panel, levels, y: { ...panel.y, ...sizeRange(valuesOf(lines), levels) } }
}

/** The middle line of each group with the cache of its points. */
function ownLines(
  lines: readonly Line[],
  groups: ReadonlyMap<string, readonly SweepRow[]>,
): Parameters<typeof outOfCache>[0] {
  return lines
    .filter(({ labelled }) => labelled)
    .map(({ label, points }) => ({
      points,
      cacheBytes:
        groups.get(label)?.find(({ cacheBytes }) => cacheBytes !== null)?.cacheBytes ?? null,
    }))
}

/** Points that differ in this axis alone are one line. */
function groupsOf(
  { rows }: SweepFindings,
  axisAt: number,
): ReadonlyMap<string, readonly SweepRow[]> {
  const targets = new Set(rows.map(({ of }) => of)).size
  const groups = new Map<string, SweepRow[]>()
  for (const row of rows) {
    const others = row.levels.filter((_level, at) => at !== axisAt)
    const words = targets > 1 ? [row.of, ...others] : others
    const label = words.length === 0 ? row.of : words.join(', ')
    groups.set(label, [...(groups.get(label) ?? []), row])
  }
  // One point is no line.
  return new Map([...groups].filter(([, members]) => members.length > 1))
}

interface LinesOptions {
  readonly curve: Curve
  readonly axisAt: number
  readonly label: string
  readonly at: number
}

function linesOf(
  rows: readonly SweepRow[],
  { curve, axisAt, label, at }: LinesOptions,
): readonly Line[] {
  const points = rows
    .flatMap((row) => {
      const x = row.numbers[axisAt] ?? null
      const interval = curve.intervalOf(row)
      return x === null || interval === null ? [] : [{ x, interval }]
    })
    .toSorted((a, b) => a.x - b.x)
  if (points.length < 2) return []
  const ink = inkOf(at)
  const line = (end: 'low' | 'mid' | 'high'): readonly Point[] =>
    points.map(({ x, interval }) => [x, drawable(interval[end])])
  return [
    { label, ink, style: 'solid', labelled: true, points: line('mid') },
    { label: 'interval', ink, style: 'faint', labelled: false, points: line('low') },
    { label: 'interval', ink, style: 'faint', labelled: false, points: line('high') },
  ]
}

function drawable(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null
}

function panelOf({ words, unit }: Curve, lines: readonly Line[], x: Axis): Panel {
  const values = valuesOf(lines)
  const range = unit === 'µs' ? logRange(values, []) : linearRange(values, [])
  return {
    title: words,
    ink: null,
    stacked: false,
    x,
    y: { title: words, unit, ticks: null, ...range },
    lines,
    levels: [],
    marks: [],
    bands: [],
  }
}

function axisOf({
  name,
  values,
}: {
  readonly name: string
  readonly values: readonly number[]
}): Axis {
  const [min, max] = [values[0] ?? 0, values.at(-1) ?? 1]
  return {
    title: name,
    unit: '',
    scale: min > 0 && max / min >= LOG_FROM ? 'log' : 'linear',
    min,
    max,
    ticks: values.map((at) => ({ at, label: formatNumber(at) })),
  }
}
