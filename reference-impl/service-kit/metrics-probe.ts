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
    ['headroom_outbox_claims_total', { metric: 'outbox.claims', factor: 1 }],
    ['headroom_outbox_claimed_rows_total', { metric: 'outbox.claimedRows', factor: 1 }],
    ['headroom_outbox_reclaimed_rows_total', { metric: 'outbox.reclaimedRows', factor: 1 }],
    ['headroom_outbox_completed_rows_total', { metric: 'outbox.completedRows', factor: 1 }],
    ['headroom_outbox_lost_lease_rows_total', { metric: 'outbox.lostLeaseRows', factor: 1 }],
    [
      'headroom_outbox_claim_seconds{quantile="0.99"}',
      { metric: 'outbox.claimP99Ms', factor: 1_000 },
    ],
    ['headroom_staged_rows', { metric: 'staging.rows', factor: 1 }],
    ['headroom_oldest_staged_seconds', { metric: 'staging.oldestMs', factor: 1_000 }],
    ['headroom_flush_seconds{quantile="0.99"}', { metric: 'staging.flushP99Ms', factor: 1_000 }],
    ['headroom_flushed_rows_total{outcome="stored"}', { metric: 'staging.storedRows', factor: 1 }],
    [
      'headroom_flushed_rows_total{outcome="repeated"}',
      { metric: 'staging.repeatedRows', factor: 1 },
    ],
    ['headroom_failed_flushes_total', { metric: 'staging.failedFlushes', factor: 1 }],
    [
      'headroom_projection_updates_total{kind="hot"}',
      { metric: 'projection.hotUpdates', factor: 1 },
    ],
    [
      'headroom_projection_updates_total{kind="indexed"}',
      { metric: 'projection.indexedUpdates', factor: 1 },
    ],
    ['headroom_view_age_seconds', { metric: 'view.ageMs', factor: 1_000 }],
    ['headroom_view_refresh_seconds', { metric: 'view.refreshMs', factor: 1_000 }],
    ['headroom_view_refreshes_total{outcome="done"}', { metric: 'view.refreshes', factor: 1 }],
    ['headroom_view_refreshes_total{outcome="failed"}', { metric: 'view.failures', factor: 1 }],
    ['headroom_cache_reads_total{outcome="hit"}', { metric: 'cache.hits', factor: 1 }],
    ['headroom_cache_reads_total{outcome="miss"}', { metric: 'cache.misses', factor: 1 }],
    ['headroom_cache_errors_total', { metric: 'cache.errors', factor: 1 }],
    ['headroom_dedup_told_total{outcome="repeat"}', { metric: 'dedup.repeats', factor: 1 }],
    ['headroom_dedup_told_total{outcome="under-way"}', { metric: 'dedup.underWay', factor: 1 }],
    ['headroom_dedup_errors_total', { metric: 'dedup.errors', factor: 1 }],
    ['headroom_dedup_bypassed_total', { metric: 'dedup.bypassed', factor: 1 }],
    ['headroom_dedup_unkept_total', { metric: 'dedup.unkept', factor: 1 }],
    ['headroom_cache_bypassed_total', { metric: 'cache.bypassed', factor: 1 }],
  ],
)
/** Families with a line per consumer; the sample is labelled with it, not with the part. */
const PER_CONSUMER: ReadonlyMap<string, string> = new Map([
  ['headroom_outbox_pending_rows', 'outbox.pendingRows'],
  ['headroom_outbox_oldest_pending_seconds', 'outbox.oldestPendingS'],
  ['headroom_outbox_dead_rows', 'outbox.deadRows'],
])
const CONSUMER_LINE = /^(\w+)\{consumer="(\d+)"\}$/
const INTERVAL_MS = 1_000

/** The service's address is read at each sample: a restarted service may have another port. */
export function serviceMetricsProbe(part: LaunchedPart): Probe {
  return {
    name: `${part.name} metrics`,
    intervalMs: INTERVAL_MS,
    async sample(signal) {
      return samplesOf(await pageOf(part, signal), part.name)
    },
  }
}

/** Empty where it has no socket. */
async function pageOf({ url, name }: LaunchedPart, signal: AbortSignal): Promise<string> {
  if (url === null) return ''
  const response = await fetch(new URL('/metrics', url), { signal })
  const text = await response.text()
  if (!response.ok) throw new Error(`${name} answered ${String(response.status)}`)
  return text
}

/** What a router counted; its metrics are told apart by the copy they are about, not by the part. */
export function freshnessProbe(part: LaunchedPart): Probe {
  return {
    name: `${part.name} freshness`,
    intervalMs: INTERVAL_MS,
    async sample(signal) {
      return routedSamplesOf(await pageOf(part, signal))
    },
  }
}

const ROUTED: readonly {
  readonly line: RegExp
  readonly metric: string
  readonly factor: number
}[] = [
  {
    line: /^headroom_reads_total\{source="([^"]+)"\} (\S+)$/,
    metric: 'replica.reads',
    factor: 1,
  },
  {
    line: /^headroom_replica_heartbeat_lag_seconds\{replica="([^"]+)"\} (\S+)$/,
    metric: 'replica.heartbeatLagMs',
    factor: 1_000,
  },
  {
    line: /^headroom_replica_breaker_open\{replica="([^"]+)",class="([^"]+)"\} (\S+)$/,
    metric: 'replica.breakerOpenRatio',
    factor: 1,
  },
  {
    line: /^headroom_breaker_openings_total\{replica="([^"]+)",class="([^"]+)"\} (\S+)$/,
    metric: 'replica.breakerOpenings',
    factor: 1,
  },
]

export function routedSamplesOf(page: string): readonly Sample[] {
  return page.split('\n').flatMap((text) =>
    ROUTED.flatMap(({ line, metric, factor }) => {
      const parts = line.exec(text)?.slice(1)
      const value = Number(parts?.at(-1))
      if (parts === undefined || !Number.isFinite(value)) return []
      return [{ metric, label: parts.slice(0, -1).join(' '), value: value * factor }]
    }),
  )
}

export function samplesOf(page: string, part: string): readonly Sample[] {
  const samples: Sample[] = []
  for (const line of page.split('\n')) {
    const space = line.lastIndexOf(' ')
    const name = line.slice(0, space)
    const value = Number(line.slice(space + 1))
    if (!Number.isFinite(value)) continue
    const meaning = MEANINGS.get(name)
    if (meaning !== undefined) {
      samples.push({ metric: meaning.metric, label: part, value: value * meaning.factor })
      continue
    }
    const [, family = '', consumer = ''] = CONSUMER_LINE.exec(name) ?? []
    const metric = PER_CONSUMER.get(family)
    if (metric !== undefined) samples.push({ metric, label: consumer, value })
  }
  return samples
}
