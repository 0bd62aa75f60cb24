/**
 * Sampled series as the report takes them, and how they are brought onto a chart. In: thinned points in ms of the run.
 * Out: points in seconds, few enough to draw, with every minimum and maximum kept.
 */
import type { Point as SeriesPoint } from '../results/thin.ts'
import type { Point } from './charts/spec.ts'

export type { SeriesPoint }
/** By metric key, as `readSeries` returns it. */
export type RunSeries = ReadonlyMap<string, readonly SeriesPoint[]>
/** By run id, then by metric key. */
export type SeriesByRun = ReadonlyMap<string, RunSeries>

/**
 * All points of a page together. With 12 bytes a point the data stays below 0.8 MB, so the page below 1.5 MB, whatever
 * the length of the run or the number of targets.
 */
const PAGE_POINTS_MAX = 60_000
const LINE_POINTS_MAX = 900
const LINE_POINTS_MIN = 80

/** How many points one line may have when `lines` of them share a page. */
export function pointsPerLine(lines: number): number {
  const share = Math.floor(PAGE_POINTS_MAX / Math.max(1, lines))
  return Math.max(LINE_POINTS_MIN, Math.min(LINE_POINTS_MAX, share))
}

/** Seconds and four significant digits: what a chart can show, in as few bytes as it takes. */
export function toChartPoints(points: readonly SeriesPoint[]): readonly Point[] {
  return points.map(({ t, v }) => [
    Math.round(t / 100) / 10,
    Number.isFinite(v) ? Number(v.toPrecision(4)) : null,
  ])
}

/** Edges of equal stretches of time from the first to the last sample, over which series are summed up for stacking. */
export function timeGrid(
  points: readonly SeriesPoint[],
  { stretches, leastMs }: { readonly stretches: number; readonly leastMs: number },
): readonly number[] {
  const fromMs = points[0]?.t ?? 0
  const spanMs = (points.at(-1)?.t ?? 0) - fromMs
  if (spanMs <= 0) return []
  const count = Math.max(1, Math.min(stretches, Math.floor(spanMs / leastMs)))
  return Array.from({ length: count + 1 }, (_, i) => fromMs + (i * spanMs) / count)
}

/** Means of a gauge over the grid's stretches; a stretch without a sample repeats the one before. */
export function meansOnGrid(
  points: readonly SeriesPoint[],
  grid: readonly number[],
): readonly SeriesPoint[] {
  const means: SeriesPoint[] = []
  let at = 0
  let previous = points[0]?.v ?? 0
  for (let i = 1; i < grid.length; i++) {
    const end = grid[i] ?? 0
    let sum = 0
    let count = 0
    for (let point = points[at]; point !== undefined && point.t <= end; point = points[++at]) {
      sum += point.v
      count++
    }
    if (count > 0) previous = sum / count
    means.push({ t: ((grid[i - 1] ?? 0) + end) / 2, v: previous })
  }
  return means
}

/** Growth per second of a running total over the grid's stretches; a total that fell (a restart) counts as standing still. */
export function ratesOnGrid(
  points: readonly SeriesPoint[],
  grid: readonly number[],
): readonly SeriesPoint[] {
  const totals = totalsAt(points, grid)
  return grid.slice(1).map((end, i): SeriesPoint => {
    const start = grid[i] ?? 0
    const growth = (totals[i + 1] ?? 0) - (totals[i] ?? 0)
    return { t: (start + end) / 2, v: (Math.max(0, growth) * 1e3) / (end - start) }
  })
}

/** The running total at each moment, between two samples on the straight line that joins them. */
function totalsAt(points: readonly SeriesPoint[], moments: readonly number[]): readonly number[] {
  let right = 0
  return moments.map((moment) => {
    while (right < points.length && (points[right]?.t ?? 0) < moment) right++
    const after = points[right] ?? points.at(-1)
    const before = points[right - 1] ?? after
    if (before === undefined || after === undefined) return 0
    const spanMs = after.t - before.t
    const share = spanMs <= 0 ? 0 : Math.min(1, (moment - before.t) / spanMs)
    return before.v + (after.v - before.v) * share
  })
}
