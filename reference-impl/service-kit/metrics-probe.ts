/** Reads a service's own GET /metrics from outside. Out: samples by the ids of collect/metrics.ts. */
import type { LaunchedPart } from '../../src/architecture/architecture.ts'
import type { Probe, Sample } from '../../src/collect/probe.ts'

/** What a line of the page means to the harness, and the factor from its unit to the metric's. */
const MEANINGS: ReadonlyMap<string, { readonly metric: string; readonly factor: number }> = new Map(
  [
    ['headroom_queue_events', { metric: 'service.queueEvents', factor: 1 }],
    ['headroom_pool_wait_seconds{quantile="0.99"}', { metric: 'pool.waitMs', factor: 1_000 }],
    ['headroom_pool_wait_max_seconds', { metric: 'pool.waitMaxMs', factor: 1_000 }],
    [
      'headroom_event_loop_delay_seconds{quantile="0.99"}',
      { metric: 'service.eventLoopDelayP99Us', factor: 1_000_000 },
    ],
    [
      'headroom_secondary_events_total{outcome="failed"}',
      { metric: 'secondary.failedEvents', factor: 1 },
    ],
  ],
)
const INTERVAL_MS = 1_000

/** The service's address is read at each sample: a restarted service may have another port. */
export function serviceMetricsProbe(part: LaunchedPart): Probe {
  return {
    name: `${part.name} metrics`,
    intervalMs: INTERVAL_MS,
    async sample(signal) {
      if (part.url === null) return []
      const response = await fetch(new URL('/metrics', part.url), { signal })
      const text = await response.text()
      if (!response.ok) throw new Error(`${part.name} answered ${String(response.status)}`)
      return samplesOf(text, part.name)
    },
  }
}

export function samplesOf(page: string, part: string): readonly Sample[] {
  const samples: Sample[] = []
  for (const line of page.split('\n')) {
    const space = line.lastIndexOf(' ')
    const meaning = MEANINGS.get(line.slice(0, space))
    const value = Number(line.slice(space + 1))
    if (meaning === undefined || !Number.isFinite(value)) continue
    samples.push({ metric: meaning.metric, label: part, value: value * meaning.factor })
  }
  return samples
}
