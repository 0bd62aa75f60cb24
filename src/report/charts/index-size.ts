/**
 * Index size against shared_buffers over the rows of a table (mission-map G7). In: the rows of a sweep that make a line.
 * Out: the cache as a level across the panel, and where the first line outgrows it.
 */
import type { SweepRow } from '../../judge/sweep.ts'
import { formatBytes } from '../../kit/units.ts'
import { LOG_FROM, largest, linearRange, logRange } from './panels.ts'
import type { Axis, Level, Mark, Point } from './spec.ts'

/** The axis of table size. */
export const ROWS_PATH = 'scenario.initialRows'

/** One per size that there was; none where no run says it. */
export function cacheLevels(rows: readonly SweepRow[]): readonly Level[] {
  const sizes = new Set(rows.flatMap(({ cacheBytes }) => cacheBytes ?? []))
  return [...sizes]
    .toSorted((a, b) => a - b)
    .map((at) => ({ at, label: `shared_buffers ${formatBytes(at)}`, kind: 'reference' }))
}

/** Curves and cache in one view, however far apart: whether they meet is what is asked. */
export function sizeRange(
  values: readonly number[],
  levels: readonly Level[],
): Pick<Axis, 'min' | 'max' | 'scale'> {
  const all = [...values, ...levels.map(({ at }) => at)]
  const least = all.reduce((a, b) => Math.min(a, b), Infinity)
  const isWide = least > 0 && largest(all, 0) / least >= LOG_FROM
  return isWide ? logRange(values, levels) : linearRange(all, [])
}

/** Where the first of the lines crosses its cache; none where all lie on one side of it. */
export function outOfCache(
  lines: readonly { readonly points: readonly Point[]; readonly cacheBytes: number | null }[],
): readonly Mark[] {
  const crossings = lines.flatMap(({ points, cacheBytes }) => {
    const at = cacheBytes === null ? null : crossing(points, cacheBytes)
    return at === null || cacheBytes === null ? [] : [{ at, cacheBytes }]
  })
  const [first] = crossings.toSorted((a, b) => a.at - b.at)
  if (first === undefined) return []
  const label = `indexes outgrow shared_buffers (${formatBytes(first.cacheBytes)})`
  return [{ at: Math.round(first.at), label, kind: 'step' }]
}

/** Between two sizes of a table its indexes grow as its rows do. */
function crossing(points: readonly Point[], bytes: number): number | null {
  for (const [at, [x, y]] of points.entries()) {
    const [fromX, fromY] = points[at - 1] ?? [x, null]
    if (y === null || fromY === null || fromY > bytes || y <= bytes) continue
    return fromX + ((bytes - fromY) / (y - fromY)) * (x - fromX)
  }
  return null
}
