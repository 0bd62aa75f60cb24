/** Value → figure, for every axis of a sweep whose values are numbers: the middle of the rounds and their interval. */
import { SWEPT } from '../../judge/sweep.ts'
import type { SweepFindings, SweepRow, Swept } from '../../judge/sweep.ts'
import { formatBytes, formatNumber } from '../../kit/units.ts'
import type { RunRecord } from '../../results/record.ts'
import { anchor } from '../markup.ts'
import { inkOf } from '../palette.ts'
import type { StudyView } from '../study-view.ts'
import { linearRange, logRange, valuesOf } from './panels.ts'
import type { Axis, ChartSpec, Line, Mark, Panel, Point } from './spec.ts'

/** From this ratio of the largest to the smallest value on, equal steps on paper are equal factors. */
const LOG_FROM = 20
/** The axis of table size. */
const ROWS = 'scenario.initialRows'

export function sweepCharts({ findings: { sweep, runs } }: StudyView): readonly ChartSpec[] {
  if (sweep === null) return []
  return sweep.axes.flatMap((axis, at) => {
    const marks = axis.path === ROWS ? outOfCache(sweep, runs, at) : []
    const chart = chartOf(sweep, at, marks)
    return chart === null ? [] : [chart]
  })
}

/** Where the indexes of a table of so many rows no longer fit into shared_buffers (mission-map G7). */
function outOfCache(
  { rows }: SweepFindings,
  runs: readonly RunRecord[],
  axisAt: number,
): readonly Mark[] {
  const cacheBytes = sharedBuffersBytes(runs)
  const at = SWEPT.findIndex(({ figure }) => figure === 'store.indexBytesPerEvent')
  const perRow = rows.flatMap(({ cells }) => cells[at]?.interval?.mid ?? [])
  const counts = rows.flatMap(({ numbers }) => numbers[axisAt] ?? [])
  const most = Math.max(0, ...perRow)
  if (cacheBytes === null || most === 0) return []
  const rowsInCache = cacheBytes / most
  if (rowsInCache < Math.min(...counts) || rowsInCache > Math.max(...counts)) return []
  const label = `indexes outgrow shared_buffers (${formatBytes(cacheBytes)})`
  return [{ at: Math.round(rowsInCache), label, kind: 'step' }]
}

const BYTES: Readonly<Record<string, number>> = {
  kB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
}

/** As PostgreSQL reports it: `256MB`; null where no run has one. */
function sharedBuffersBytes(runs: readonly RunRecord[]): number | null {
  for (const engine of runs.flatMap(({ engines }) => engines)) {
    const match = /^(\d+)(kB|MB|GB|TB)$/.exec(engine.settings['shared_buffers'] ?? '')
    if (match !== null) return Number(match[1]) * (BYTES[match[2] ?? ''] ?? 1)
  }
  return null
}

function chartOf(sweep: SweepFindings, axisAt: number, marks: readonly Mark[]): ChartSpec | null {
  const axis = sweep.axes[axisAt]
  const values = [...new Set(sweep.rows.map(({ numbers }) => numbers[axisAt] ?? null))]
  const known = values.filter((value) => value !== null).toSorted((a, b) => a - b)
  if (axis === undefined || known.length < values.length || known.length < 2) return null
  const groups = groupsOf(sweep, axisAt)
  const panels = SWEPT.flatMap((swept): readonly Panel[] => {
    const lines = [...groups].flatMap(([label, rows], at) =>
      linesOf(rows, { swept, axisAt, label, at }),
    )
    return lines.length === 0
      ? []
      : [{ ...panelOf(swept, lines, axisOf({ name: axis.name, values: known })), marks }]
  })
  if (panels.length === 0) return null
  return {
    name: `sweep-${anchor(axis.name)}`,
    title: `What ${axis.name} changes, from ${formatNumber(known[0] ?? 0)} to ${formatNumber(known.at(-1) ?? 0)}`,
    subtitle: `The median of the rounds at each value; faint lines are the interval over rounds.`,
    panels,
  }
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
  readonly swept: Swept
  readonly axisAt: number
  readonly label: string
  readonly at: number
}

function linesOf(
  rows: readonly SweepRow[],
  { swept, axisAt, label, at }: LinesOptions,
): readonly Line[] {
  const points = rows
    .flatMap(({ numbers, cells }) => {
      const x = numbers[axisAt] ?? null
      const interval = cells[SWEPT.indexOf(swept)]?.interval ?? null
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

function panelOf({ words, unit }: Swept, lines: readonly Line[], x: Axis): Panel {
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
