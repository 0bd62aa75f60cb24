/** What a scenario calls late, and when each of its events was due. In: scenario and plan. Out: limits and due times. */
import type { EncodedHistogram } from '../drive/job.ts'
import { scheduleOf } from '../drive/schedule.ts'
import { percentilesOf } from '../kit/histogram.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { RunPlan } from './run-plan.ts'
import { pacingOf } from './run-plan.ts'

/** Ms after the epoch at which event `index` was due, as the driver worked it out. */
export function dueTimes(scenario: Scenario, plan: RunPlan): (index: number) => number {
  const recordedPace = scenario.rate.kind === 'recorded' ? scenario.rate.pace : null
  const job = { segments: plan.segments, recordedPace, ...pacingOf(scenario) }
  const due = scheduleOf(job, plan.stream)
  return (index) => due.dueMs(Math.floor(index / scenario.batchEvents))
}

/** The strictest limit of latency; without one only an event that was never accepted is late. */
export function latencyLimitMs({ slos }: Scenario): number {
  const limitsUs = slos.filter(({ metric }) => metric.startsWith('latency.')).map(({ max }) => max)
  return Math.min(Infinity, ...limitsUs) / 1e3
}

/** What the slowest tenth took at least, µs; null where even half of the events were never answered. */
export function slowFrom(latency: EncodedHistogram): number | null {
  const percentiles = percentilesOf(latency)
  if (percentiles === null) return null
  const known = [percentiles.p90, percentiles.p50].find((value) => value !== 'infinite')
  return known ?? null
}
