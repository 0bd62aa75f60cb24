/**
 * ClickHouse's figures while a run lasts. In: an HTTP client and the run's database. Out: probes for parts, merges and
 * inserts. They only read; counters are the server's own running totals.
 */
import type { MetricId } from '../../collect/metrics.ts'
import type { Probe, Sample } from '../../collect/probe.ts'
import type { ClickHouseHttp } from './http.ts'

const EVERY_MS = 1_000

/** What each probe reads of `system`, and what goes unseen where the user may not read it. */
export const PROBE_SOURCES = [
  { probe: 'parts', tables: ['parts'], shows: 'active parts of the run’s tables' },
  { probe: 'events', tables: ['events', 'metrics'], shows: 'parts created, merges and inserts' },
] as const
export type ClickHouseProbe = (typeof PROBE_SOURCES)[number]['probe']

/** @param hidden probes whose tables this user may not read: their figures are absent, never zero */
export function clickHouseProbes(
  http: ClickHouseHttp,
  database: string,
  hidden: ReadonlySet<ClickHouseProbe> = new Set(),
): readonly Probe[] {
  const samples: Record<ClickHouseProbe, Probe['sample']> = {
    parts: (signal) => readParts(http, database, signal),
    events: (signal) => readEvents(http, signal),
  }
  return PROBE_SOURCES.filter(({ probe }) => !hidden.has(probe)).map(({ probe }) => ({
    name: `clickhouse.${probe}`,
    intervalMs: EVERY_MS,
    sample: samples[probe],
  }))
}

function sample(metric: MetricId, value: number, label: string | null = null): Sample {
  return { metric, label, value }
}

async function readParts(
  http: ClickHouseHttp,
  database: string,
  signal: AbortSignal,
): Promise<readonly Sample[]> {
  const rows = await http.rows(
    `SELECT table, count() FROM system.parts WHERE active AND database = {database:String}
      GROUP BY table ORDER BY table`,
    { signal, parameters: { database } },
  )
  return rows.map(([table = '', parts = '0']) => sample('parts.active', Number(parts), table))
}

async function readEvents(http: ClickHouseHttp, signal: AbortSignal): Promise<readonly Sample[]> {
  const rows = await http.rows(
    `SELECT event, value FROM system.events
      WHERE event IN ('MergeTreeDataWriterBlocks', 'InsertQuery', 'DelayedInserts', 'RejectedInserts', 'Merge')
      UNION ALL SELECT 'running', toUInt64(value) FROM system.metrics WHERE metric = 'Merge'`,
    { signal },
  )
  const total = new Map(rows.map(([event = '', value = '0']) => [event, Number(value)]))
  const of = (event: string): number => total.get(event) ?? 0
  const running = of('running')
  return [
    sample('parts.created', of('MergeTreeDataWriterBlocks')),
    sample('merges.running', running),
    // `Merge` counts merges that were started.
    sample('merges.completed', Math.max(0, of('Merge') - running)),
    sample('inserts.delayed', of('DelayedInserts')),
    sample('inserts.rejected', of('RejectedInserts')),
    sample('inserts.statements', of('InsertQuery')),
  ]
}
