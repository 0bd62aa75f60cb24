/**
 * The one value of a step that a rule judges: the worst of its metrics, over every instance where no label is named. And
 * which of them it is, for a verdict to name.
 */
import { parseMetricKey } from '../collect/metrics.ts'
import type { Quantile, Step } from '../results/record.ts'
import { stepValue } from './slo.ts'
import type { SymptomRule } from './trigger.ts'

/** null where the step knows none of the metrics; Infinity where something was never answered. */
export function ruleValue(step: Step, rule: SymptomRule): number | null {
  const values = rule.metrics.flatMap((key) => valuesOf(step, { key, take: rule.take }))
  return values.length === 0 ? null : Math.max(...values)
}

/** The metric with the highest value in these steps; the first one where none of them is known there. */
export function worstMetric(steps: readonly Step[], rule: SymptomRule): string {
  const highest = (key: string): number =>
    Math.max(-Infinity, ...steps.flatMap((step) => valuesOf(step, { key, take: rule.take })))
  const [first = '', ...others] = rule.metrics
  return others.reduce((worst, key) => (highest(key) > highest(worst) ? key : worst), first)
}

interface Asked {
  readonly key: string
  readonly take: SymptomRule['take']
}

function valuesOf(step: Step, { key, take }: Asked): readonly number[] {
  switch (take) {
    case 'step': {
      const value = stepValue(step, key)
      return value === null ? instancesIn(step.metrics, key) : [numberOf(value)]
    }
    case 'worst-window': {
      // Records of before the worst window of each step was kept have its mean.
      const worst = instancesIn(step.worst ?? {}, key)
      return worst.length > 0 ? worst : instancesIn(step.metrics, key)
    }
    case 'soonest-store':
    case 'last-store': {
      const stores = Object.keys(step.freshnessUs)
        .map((store) => stepValue(step, `${parseMetricKey(key).id}{${store}}`))
        .filter((value) => value !== null)
        .map(numberOf)
      if (stores.length === 0) return []
      return [take === 'last-store' ? Math.max(...stores) : Math.min(...stores)]
    }
  }
}

/** The key itself, and where it names no instance every one of them. */
function instancesIn(figures: Readonly<Record<string, number>>, key: string): readonly number[] {
  const { id, label } = parseMetricKey(key)
  return Object.entries(figures).flatMap(([name, value]) =>
    name === key || (label === null && parseMetricKey(name).id === id) ? [value] : [],
  )
}

function numberOf(value: Quantile): number {
  return value === 'infinite' ? Infinity : value
}
