/** Lines picked from the sampled series of one run, ready for a panel. */
import { parseMetricKey } from '../../collect/metrics.ts'
import type { Ink } from '../palette.ts'
import { thin } from '../../results/thin.ts'
import { toChartPoints } from '../series.ts'
import type { RunSeries, SeriesPoint } from '../series.ts'
import type { Line } from './spec.ts'

export interface LineOptions {
  readonly label: string
  readonly ink: Ink
  readonly style: Line['style']
  readonly labelled: boolean
  readonly limit: number
}

export function lineOf(points: readonly SeriesPoint[], options: LineOptions): Line {
  const { label, ink, style, labelled, limit } = options
  return { label, ink, style, labelled, points: toChartPoints(thin(points, limit)) }
}

/** All instances of a metric in a run, by label; `null` where the metric has none. In the order of their labels. */
export function instancesOf(
  series: RunSeries,
  id: string,
): readonly { readonly label: string | null; readonly points: readonly SeriesPoint[] }[] {
  const found: { label: string | null; points: readonly SeriesPoint[] }[] = []
  for (const [key, points] of series) {
    const parsed = parseMetricKey(key)
    if (parsed.id === id && points.length > 0) found.push({ label: parsed.label, points })
  }
  return found.toSorted((a, b) => compareText(a.label ?? '', b.label ?? ''))
}

/** By code units, so the order never depends on the machine's language. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const STYLES = ['solid', 'dashed', 'dotted'] as const

/** Several instances of one target are told apart by their stroke. */
export function styleOf(position: number): Line['style'] {
  return STYLES[position % STYLES.length] ?? 'solid'
}
