/** What the events cost: write-ahead log with its full-page images, and CPU per part against the machine's cores. */
import { partKind } from '../../judge/part-kinds.ts'
import type { PartKind } from '../../judge/part-kinds.ts'
import { formatBytes, formatBytesPerS, formatNumber } from '../../kit/units.ts'
import { NEUTRAL_INK, tint } from '../palette.ts'
import type { Ink } from '../palette.ts'
import { meansOnGrid, ratesOnGrid, timeGrid } from '../series.ts'
import type { RunSeries, SeriesPoint } from '../series.ts'
import { seriesOf } from '../study-view.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { levelsOf } from './levels.ts'
import { instancesOf, lineOf } from './lines.ts'
import { checkpointMarks, linearRange, levelsWithin, timeAxis, bandsOf } from './panels.ts'
import type { ChartSpec, Level, Line, Panel } from './spec.ts'

/** Stacked lines need a common grid; so many stretches are as fine as a panel can show. */
const GRID_STRETCHES = 160
/** Samples are a second apart: finer stretches would be empty. */
const STRETCH_MIN_MS = 1_000

type Shown = NonNullable<TargetView['shown']>
interface Drawn {
  readonly target: TargetView
  readonly shown: Shown
  readonly lines: readonly Line[]
}

export function walChart(view: StudyView): ChartSpec | null {
  const drawn = drawnTargets(view, walLines)
  if (drawn.length === 0) return null
  const levels = levelsOf(view, 'wal.bytesPerS')
  const range = linearRange(stackTops(drawn), levels)
  return {
    name: 'wal',
    title: walTitle(view) ?? peakTitle(drawn, { what: 'WAL', format: formatBytesPerS }),
    subtitle:
      'Write-ahead log per second in the shown round, full-page images stacked on top: they follow each checkpoint.',
    panels: drawn.map(({ target, shown, lines }): Panel => ({
      title: target.name,
      ink: target.ink,
      stacked: true,
      x: timeAxis(drawn.map((one) => one.shown.measured)),
      y: { title: 'WAL', unit: 'bytes/s', ticks: null, ...range },
      lines,
      levels: levelsWithin(levels, range.max),
      marks: checkpointMarks(shown.measured),
      bands: bandsOf(shown.measured),
    })),
  }
}

function walLines(series: RunSeries, target: TargetView): readonly Line[] {
  const total = series.get('wal.bytes') ?? []
  const images = series.get('wal.fpiBytes') ?? []
  const gauge = series.get('wal.bytesPerS') ?? []
  const grid = gridOf(total.length > 1 ? total : gauge)
  const all = total.length > 1 ? ratesOnGrid(total, grid) : meansOnGrid(gauge, grid)
  if (total.length < 2 && gauge.length === 0) return []
  const ofImages = images.length > 1 ? ratesOnGrid(images, grid) : []
  const rows = all.map(({ t, v }, i): SeriesPoint => ({
    t,
    v: Math.max(0, v - (ofImages[i]?.v ?? 0)),
  }))
  const name = ofImages.length > 0 ? 'WAL of rows' : 'WAL, full-page images not told apart'
  const lines = [stackLine(name, target.ink, rows)]
  if (ofImages.length > 0) {
    lines.push(stackLine('full-page images', tint(target.ink, 0.45), ofImages))
  }
  return lines
}

function walTitle({ findings }: StudyView): string | null {
  const known = findings.targets
    .flatMap(({ target, walBytesPerEvent, fpiBytesPerEvent }) =>
      walBytesPerEvent === null || walBytesPerEvent <= 0
        ? []
        : [{ target, rows: walBytesPerEvent, images: fpiBytesPerEvent ?? 0 }],
    )
    .toSorted((a, b) => a.rows - b.rows)
  const [least] = known
  const most = known.at(-1)
  if (least === undefined || most === undefined) return null
  const images = least.images > 0 ? `, and ${formatBytes(least.images)} of full-page images` : ''
  const first = `${least.target} writes ${formatBytes(least.rows)} of WAL per event${images}`
  return most === least ? first : `${first}; ${most.target} writes ${formatBytes(most.rows)}`
}

export function cpuChart(view: StudyView): ChartSpec | null {
  const drawn = drawnTargets(view, cpuLines)
  const cores = Math.max(0, ...drawn.map(({ shown }) => shown.run.machine.cores))
  if (drawn.length === 0) return null
  const level: Level = {
    at: cores,
    label: cores === 1 ? 'the machine’s only core' : `the machine’s ${formatNumber(cores)} cores`,
    kind: 'limit',
  }
  const tops = stackTops(drawn)
  const top = Math.max(0, ...tops)
  const isNear = cores <= top * CORES_SHOWN_UP_TO
  return {
    name: 'cpu',
    title: cpuTitle(view) ?? peakTitle(drawn, { what: 'CPU', format: inCores }),
    subtitle: `Cores in use by part in the shown round, stacked. Grey is the harness itself: driver and probes share the machine.${
      isNear ? '' : ` It has ${formatNumber(cores)} cores, far above the scale.`
    }`,
    panels: drawn.map(({ target, shown, lines }): Panel => ({
      title: target.name,
      ink: target.ink,
      stacked: true,
      x: timeAxis(drawn.map((one) => one.shown.measured)),
      y: {
        title: 'CPU',
        unit: 'cores',
        ticks: null,
        ...linearRange(tops, []),
        ...(isNear ? { max: Math.max(cores, top) * 1.14 } : {}),
      },
      lines,
      levels: isNear ? [level] : [],
      marks: [],
      bands: bandsOf(shown.measured),
    })),
  }
}

/** On a machine with many more cores than are in use, their line would flatten everything else. */
const CORES_SHOWN_UP_TO = 6

/** The way of an event: services and workers first, engines after them, what measures on top. */
const KINDS = ['service', 'worker', 'engine', 'harness'] as const satisfies readonly PartKind[]

/** From the full colour of a target to less than half of it; each kind has its own stretch, whatever its parts are called. */
const SHADES: Readonly<Record<PartKind, readonly [from: number, to: number]>> = {
  service: [1, 0.86],
  worker: [0.78, 0.66],
  engine: [0.56, 0.34],
  harness: [1, 0.45],
}

function cpuLines(series: RunSeries, target: TargetView): readonly Line[] {
  const run = target.shown?.run
  if (run === undefined) return []
  const parts = instancesOf(series, 'cpu.cores')
  const longest = parts.toSorted((a, b) => b.points.length - a.points.length)[0]
  const grid = gridOf(longest?.points ?? [])
  return KINDS.flatMap((kind) => {
    const same = parts.filter(({ label }) => partKind(run, label ?? '') === kind)
    const ink = kind === 'harness' ? NEUTRAL_INK : target.ink
    return same.map(({ label, points }, i) =>
      stackLine(
        label ?? 'all parts',
        tint(ink, shade(SHADES[kind], i / Math.max(1, same.length - 1))),
        meansOnGrid(points, grid),
      ),
    )
  })
}

function shade([from, to]: readonly [from: number, to: number], position: number): number {
  return from + (to - from) * position
}

function cpuTitle({ findings }: StudyView): string | null {
  const known = findings.targets
    .flatMap(({ target, cpuMsPer1000: { service, engine } }) =>
      service === null && engine === null ? [] : [{ target, ms: (service ?? 0) + (engine ?? 0) }],
    )
    .toSorted((a, b) => a.ms - b.ms)
  const [least] = known
  const most = known.at(-1)
  if (least === undefined || most === undefined) return null
  const first = `${least.target} spends ${formatNumber(least.ms)} ms of CPU per 1,000 events`
  return most === least ? first : `${first}, ${most.target} ${formatNumber(most.ms)} ms`
}

/** What can be said where no common rate allows a comparison per event. */
function peakTitle(
  drawn: readonly Drawn[],
  { what, format }: { readonly what: string; readonly format: (value: number) => string },
): string {
  const tops = stackTops(drawn)
  const top = Math.max(0, ...tops)
  const name = drawn[tops.indexOf(top)]?.target.name ?? ''
  return `${what} peaks at ${format(top)} in ${name}`
}

function inCores(cores: number): string {
  return `${formatNumber(cores)} cores`
}

function drawnTargets(
  view: StudyView,
  draw: (series: RunSeries, target: TargetView) => readonly Line[],
): readonly Drawn[] {
  return view.targets.flatMap((target) => {
    if (target.shown === null) return []
    const lines = draw(seriesOf(view, target.shown.run), target)
    return lines.length === 0 ? [] : [{ target, shown: target.shown, lines }]
  })
}

function gridOf(points: readonly SeriesPoint[]): readonly number[] {
  return timeGrid(points, { stretches: GRID_STRETCHES, leastMs: STRETCH_MIN_MS })
}

function stackLine(label: string, ink: Ink, points: readonly SeriesPoint[]): Line {
  return lineOf(points, { label, ink, style: 'solid', labelled: false, limit: GRID_STRETCHES })
}

/** The highest point of each stack. */
function stackTops(drawn: readonly Drawn[]): readonly number[] {
  return drawn.map(({ lines }) => {
    const sums = new Map<number, number>()
    for (const line of lines) {
      for (const [x, y] of line.points) sums.set(x, (sums.get(x) ?? 0) + (y ?? 0))
    }
    return Math.max(0, ...sums.values())
  })
}
