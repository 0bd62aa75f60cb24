/**
 * SLOs that can never be measured of a target, told before it runs. In: targets and a scenario whose SLOs are right by
 * themselves. Out: sentences; empty where nothing rules a measurement out.
 */
import { findMetric, parseMetricKey } from '../collect/metrics.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from './target.ts'
import { factsBefore } from './up.ts'

/** @throws HeadroomError BAD_INPUT, UNKNOWN_TARGET of a target's own */
export function sloWarnings(targets: readonly Target[], scenario: Scenario): readonly string[] {
  return targets.flatMap((target) =>
    scenario.slos.flatMap(({ metric }) => {
      const because = whyNever(target, metric)
      return because === null
        ? []
        : [`${target.name}: the SLO ${metric} will not be measured: ${because}`]
    }),
  )
}

function whyNever(target: Target, key: string): string | null {
  const { id, label } = parseMetricKey(key)
  const of = findMetric(key)?.label
  if (label === null) return null
  if (of === 'query' && !factsBefore(target).queries.some((one) => one === label)) {
    return target.kind === 'service'
      ? `${label} is not asked; list it under queries if the service answers it`
      : `${label} is not asked: ${factsBefore(target).id} does not answer it`
  }
  // Tables of a user's own servers are stores too, whose rows and bytes are seen.
  if (of !== 'store' || id.startsWith('store.')) return null
  if (target.kind === 'service') return 'the stores of a service of your own are not polled'
  const stores = factsBefore(target).promises.stores.map(({ store }) => store)
  return stores.includes(label) ? null : `its stores are ${stores.join(', ')}`
}
