/** Latency: the curve over percentiles at one rate, and p99 second by second with the checkpoints that explain it. */
import { formatDurationUs, formatNumber, formatRate } from '../../kit/units.ts'
import type { RunRecord, Step } from '../../results/record.ts'
import { percentileAxis, percentileCurve } from '../percentile-curve.ts'
import type { SeriesPoint } from '../series.ts'
import { measuredOf, seriesOf } from '../study-view.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { levelsOf } from './levels.ts'
import { lineOf } from './lines.ts'
import { checkpointMarks, logRange, stepMarks, timeAxis, valuesOf, bandsOf } from './panels.ts'
import type { ChartSpec, Line, Panel } from './spec.ts'

const PERCENTILE_TICKS = [
  { at: percentileAxis(0.5), label: 'p50' },
  { at: percentileAxis(0.9), label: 'p90' },
  { at: percentileAxis(0.99), label: 'p99' },
  { at: percentileAxis(0.999), label: 'p99.9' },
  { at: percentileAxis(0.9999), label: 'p99.99' },
  { at: percentileAxis(0.99999), label: 'p99.999' },
]

export function percentileChart(view: StudyView): ChartSpec | null {
  const lines = view.targets.flatMap((target) => curveOf(target))
  if (lines.length === 0) return null
  const levels = levelsOf(view, 'latency.p99Us')
  const lastX = Math.max(...lines.map((line) => line.points.at(-1)?.[0] ?? 0))
  return {
    name: 'latency-percentiles',
    title: percentileTitle(view),
    subtitle: `Latency from the moment an event was due to its acknowledgement, over all due events of the counted rounds. ${ratesSentence(view)}`,
    panels: [
      {
        title: null,
        ink: null,
        stacked: false,
        x: {
          title: 'share of events answered within',
          unit: 'percentile',
          scale: 'linear',
          min: 0,
          max: Math.max(2, lastX),
          ticks: PERCENTILE_TICKS.filter((tick) => tick.at <= Math.max(2, lastX) + 0.01),
        },
        y: { title: 'latency', unit: 'µs', ticks: null, ...logRange(valuesOf(lines), levels) },
        lines,
        levels,
        marks: [],
        bands: [],
      },
    ],
  }
}

/** The measured steps of the compared rate in all counted rounds; of any rate where none is compared. */
function comparedSteps(target: TargetView): readonly Step[] {
  const rate = target.findings.comparedAtPerS
  return target.counted
    .flatMap((run) => measuredOf(run)?.steps ?? [])
    .filter((step) => step.kind === 'measure')
    .filter((step) => rate === null || Math.abs(step.targetPerS - rate) <= rate * 0.005)
}

function curveOf(target: TargetView): readonly Line[] {
  const histograms = comparedSteps(target).flatMap((step) => step.latencyUs?.histogram ?? [])
  const points = percentileCurve(histograms)
  if (!points.some(([, y]) => y !== null)) return []
  return [{ label: target.name, ink: target.ink, style: 'solid', labelled: true, points }]
}

function percentileTitle({ findings }: StudyView): string {
  const known = findings.targets
    .flatMap(({ target, latencyUs }) =>
      latencyUs === null ? [] : [{ target, p99: latencyUs.p99 }],
    )
    .toSorted((a, b) => asNumber(a.p99) - asNumber(b.p99))
  const [best] = known
  const worst = known.at(-1)
  if (best === undefined || worst === undefined)
    return 'No rate was kept by every target, so no latency is compared'
  const first = `${best.target} answers 99 % of events within ${formatDurationUs(best.p99)}`
  if (worst === best) return first
  return worst.p99 === 'infinite'
    ? `${first}; ${worst.target} leaves more than 1 % unanswered`
    : `${first}; ${worst.target} needs ${formatDurationUs(worst.p99)}`
}

function ratesSentence({ findings }: StudyView): string {
  const rates = new Set(findings.targets.map((target) => target.comparedAtPerS))
  rates.delete(null)
  const [rate] = rates
  if (rate === undefined || rate === null)
    return 'No rate was kept by every target, so all steps are drawn.'
  if (rates.size === 1) return `All targets at ${formatRate(rate)}.`
  const named = findings.targets.flatMap(({ target, comparedAtPerS }) =>
    comparedAtPerS === null ? [] : [`${target} at ${formatNumber(comparedAtPerS)}/s`],
  )
  return `Rates differ: ${named.join(', ')}.`
}

function asNumber(quantile: number | 'infinite'): number {
  return quantile === 'infinite' ? Infinity : quantile
}

/** One panel per target, all rounds in it: the shown round strong, the others faint. */
export function windowsChart(view: StudyView, limit: number): ChartSpec | null {
  const levels = levelsOf(view, 'latency.p99Us')
  const drawn = view.targets.flatMap((target) => {
    const lines = windowLines(view, target, limit)
    return lines.length === 0 || target.shown === null
      ? []
      : [{ target, lines, shown: target.shown }]
  })
  if (drawn.length === 0) return null
  const range = logRange(valuesOf(drawn.flatMap(({ lines }) => lines)), levels)
  return {
    name: 'latency-windows',
    title: windowsTitle(view),
    subtitle:
      'p99 of each second’s answers. Vertical lines are checkpoints; other rounds are drawn faint. All panels share the scale.',
    panels: drawn.map(({ target, lines, shown }): Panel => ({
      title: target.name,
      ink: target.ink,
      stacked: false,
      x: timeAxis(allMeasured(view)),
      y: { title: 'latency p99', unit: 'µs', ticks: null, ...range },
      lines,
      levels,
      marks: [...stepMarks(shown.measured), ...checkpointMarks(shown.measured)],
      bands: bandsOf(shown.measured),
    })),
  }
}

function windowLines(view: StudyView, target: TargetView, limit: number): readonly Line[] {
  const shown = target.shown?.run
  const runs = target.counted.length > 0 ? target.counted : shown === undefined ? [] : [shown]
  const strongLast = runs.toSorted((a, b) => Number(a === shown) - Number(b === shown))
  return strongLast.flatMap((run) => {
    const points = seriesOf(view, run).get('latency.p99Us') ?? []
    return points.length === 0 ? [] : [windowLine(run, { target, points, limit })]
  })
}

function windowLine(
  run: RunRecord,
  options: {
    readonly target: TargetView
    readonly points: readonly SeriesPoint[]
    readonly limit: number
  },
): Line {
  const { target, points, limit } = options
  const isShown = run === target.shown?.run
  return lineOf(points, {
    label: `round ${String(run.round)}`,
    ink: target.ink,
    style: isShown ? 'solid' : 'faint',
    labelled: false,
    // Faint rounds are context: they get a quarter of the points.
    limit: isShown ? limit : Math.floor(limit / 4),
  })
}

function allMeasured(view: StudyView): readonly NonNullable<ReturnType<typeof measuredOf>>[] {
  return view.targets.flatMap((target) => (target.shown === null ? [] : [target.shown.measured]))
}

function windowsTitle({ findings }: StudyView): string {
  const broken = findings.targets.filter(
    (target) =>
      target.brokenAtPerS !== null && target.limit?.metric.startsWith('latency.') === true,
  )
  if (broken.length === 0) return 'No target’s p99 breaks its limit at the rates it was asked for'
  const named = broken.map(
    (target) => `${target.target} at ${formatNumber(target.brokenAtPerS?.mid ?? 0)}/s`,
  )
  return `p99 leaves its limit: ${named.join(', ')}`
}
