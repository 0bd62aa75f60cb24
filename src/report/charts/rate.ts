/** What was offered, what was acknowledged, what could be read in the store: one panel per target. */
import { formatNumber, formatRate } from '../../kit/units.ts'
import { NEUTRAL_INK } from '../palette.ts'
import { seriesOf } from '../study-view.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { instancesOf, lineOf } from './lines.ts'
import { linearRange, levelsWithin, largest, timeAxis, valuesOf, bandsOf } from './panels.ts'
import type { ChartSpec, Level, Line, Panel } from './spec.ts'

export function rateChart(view: StudyView, limit: number): ChartSpec | null {
  const drawn = view.targets.flatMap((target) => {
    const lines = rateLines(view, target, limit)
    return lines.length === 0 || target.shown === null
      ? []
      : [{ target, lines, shown: target.shown }]
  })
  if (drawn.length === 0) return null
  const declaredPerS = view.findings.study.profile.ratePerS
  const declared: Level = {
    at: declaredPerS,
    label: `declared ${formatRate(declaredPerS)}`,
    kind: 'reference',
  }
  const values = valuesOf(drawn.flatMap(({ lines }) => lines))
  const levels = levelsWithin([declared], largest(values, 0))
  return {
    name: 'rate',
    title: rateTitle(view),
    subtitle: `Events per second in the shown round. Stored means first seen by the freshness poll.${
      levels.length === 0
        ? ` The declared rate, ${formatRate(declaredPerS)}, is above the scale.`
        : ''
    }`,
    panels: drawn.map(({ target, lines, shown }): Panel => ({
      title: target.name,
      ink: target.ink,
      stacked: false,
      x: timeAxis(drawn.map((one) => one.shown.measured)),
      y: { title: 'rate', unit: 'events/s', ticks: null, ...linearRange(values, levels) },
      lines,
      levels,
      marks: [],
      bands: bandsOf(shown.measured),
    })),
  }
}

function rateLines(view: StudyView, target: TargetView, limit: number): readonly Line[] {
  if (target.shown === null) return []
  const series = seriesOf(view, target.shown.run)
  const pick = (id: string, label: string, style: Line['style']): readonly Line[] =>
    instancesOf(series, id).map((instance) =>
      lineOf(instance.points, {
        label: instance.label === null ? label : `${label} in ${instance.label}`,
        ink: id === 'rate.dueEventsPerS' ? NEUTRAL_INK : target.ink,
        style,
        labelled: false,
        limit,
      }),
    )
  return [
    ...pick('rate.dueEventsPerS', 'offered', 'dashed'),
    ...pick('rate.storedEventsPerS', 'stored', 'dotted'),
    ...pick('rate.acceptedEventsPerS', 'accepted', 'solid'),
  ]
}

function rateTitle({ findings }: StudyView): string {
  const kept = findings.targets
    .flatMap(({ target, sustainedPerS }) =>
      sustainedPerS === null || sustainedPerS.mid <= 0 ? [] : [{ target, perS: sustainedPerS.mid }],
    )
    .toSorted((a, b) => b.perS - a.perS)
  const [first, ...others] = kept
  if (first === undefined) return 'No target kept every limit at any rate'
  if (others.length > 0 && others.length + 1 === findings.targets.length) {
    const isTie = others.every(({ perS }) => perS === first.perS)
    if (isTie) return `Every target keeps every limit up to ${formatRate(first.perS)}`
  }
  const rest = others.map(({ target, perS }) => `${target} ${formatNumber(perS)}`)
  return [`${first.target} keeps every limit up to ${formatRate(first.perS)}`, ...rest].join(', ')
}
