/** Levels a chart draws: the scenario’s own SLOs and the documented triggers, each named once. */
import type { Level } from './spec.ts'
import type { StudyView } from '../study-view.ts'
import { formatQuantity } from '../../kit/units.ts'
import { findMetric } from '../../collect/metrics.ts'

/** @param metric an id or key of collect/metrics.ts */
export function levelsOf(view: StudyView, metric: string): readonly Level[] {
  const unit = findMetric(metric)?.unit ?? ''
  const names = new Map<number, string[]>()
  const add = (value: number, name: string): void => {
    const known = names.get(value) ?? []
    if (!known.includes(name)) names.set(value, [...known, name])
  }
  for (const slo of view.findings.study.scenario.slos) {
    if (slo.metric === metric) add(slo.max, 'SLO')
  }
  for (const target of view.findings.targets) {
    for (const judgement of target.judgements) {
      for (const limit of judgement.limits ?? []) {
        if (limit.metric !== metric) continue
        add(limit.value, `${judgement.trigger}${limit.level === 'critical' ? '' : ' warning'}`)
      }
    }
  }
  return [...names]
    .toSorted(([a], [b]) => a - b)
    .map(([at, named]) => ({
      at,
      label: `${named.join(' · ')} ${formatQuantity(at, unit)}`,
      kind: 'limit',
    }))
}
