/** PgBouncer's own console. In: a connection to it. Out: its version, settings and figures. It is SQL in name only. */
import type { Client } from 'pg'
import type { MetricId } from '../../collect/metrics.ts'
import type { Probe, Sample } from '../../collect/probe.ts'
import type { EngineControl, EngineSettings } from '../engine.ts'
import { POOLER_CONSOLE } from '../postgres/connection.ts'
import type { SharedConnection } from '../postgres/shared-connection.ts'

export const CONSOLE = POOLER_CONSOLE

const EVERY_MS = 1_000

export function poolerControl(console: SharedConnection): EngineControl {
  return {
    checkpoint: () => Promise.resolve('nothing-to-do'),
    execute: (script, signal) =>
      console.use(signal, async (client) => {
        for (const line of script.split('\n')) if (line.trim() !== '') await client.query(line)
      }),
  }
}

export async function askPooler(
  client: Client,
): Promise<{ readonly version: string; readonly settings: EngineSettings }> {
  const { rows } = await client.query<{ version: string }>('SHOW VERSION')
  const config = await client.query<ConfigRow>('SHOW CONFIG')
  const changed = config.rows.filter(
    ({ key, value, default: usual }) => value !== usual && !NOT_RECORDED.test(key),
  )
  return {
    version: /\d+(\.\d+)+/.exec(rows[0]?.version ?? '')?.[0] ?? 'unknown',
    settings: Object.fromEntries(changed.map(({ key, value }) => [key, value ?? ''])),
  }
}

interface ConfigRow {
  readonly key: string
  readonly value: string | null
  readonly default: string | null
}

/** Paths, addresses and users: they differ between any two runs. */
const NOT_RECORDED =
  /_file$|_dir$|^listen_|_users$|^conffile$|^logfile$|^pidfile$|^user$|^unix_socket_mode$|^verbose$/

export function poolerProbes(console: SharedConnection): readonly Probe[] {
  const waits = new MeanWait()
  return [
    {
      name: 'pgbouncer-pools',
      intervalMs: EVERY_MS,
      sample: (signal) =>
        console.use(signal, async (client) => {
          const { rows: pools } = await client.query<PoolRow>('SHOW POOLS')
          const { rows: stats } = await client.query<StatsRow>('SHOW STATS')
          const ours = <T extends { readonly database: string }>(
            rows: readonly T[],
          ): readonly T[] => rows.filter(({ database }) => database !== CONSOLE)
          return [...poolSamples(ours(pools)), ...waits.next(ours(stats))]
        }),
    },
  ]
}

type PoolRow = { readonly database: string } & Readonly<
  Record<'cl_active' | 'cl_waiting' | 'sv_active' | 'sv_idle' | 'maxwait' | 'maxwait_us', string>
>
type StatsRow = { readonly database: string } & Readonly<
  Record<'total_xact_count' | 'total_wait_time', string>
>

function sample(metric: MetricId, value: number): Sample {
  return { metric, label: null, value }
}

function poolSamples(pools: readonly PoolRow[]): readonly Sample[] {
  const total = (column: 'cl_active' | 'cl_waiting' | 'sv_active' | 'sv_idle'): number =>
    pools.reduce((sum, row) => sum + Number(row[column]), 0)
  const waits = pools.map((row) => Number(row.maxwait) * 1_000 + Number(row.maxwait_us) / 1_000)
  return [
    sample('pooler.clientsActive', total('cl_active')),
    sample('pooler.clientsWaiting', total('cl_waiting')),
    sample('pooler.serversActive', total('sv_active')),
    sample('pooler.serversIdle', total('sv_idle')),
    sample('pooler.waitMaxMs', Math.max(0, ...waits)),
  ]
}

/**
 * How long clients waited for a server since the last sample, per transaction that came. PgBouncer counts a transaction as it
 * comes and its wait as it ends, so a long one is counted in two samples: none came, and yet there was a wait.
 */
class MeanWait {
  #transactions = 0
  #waitedUs = 0

  next(stats: readonly StatsRow[]): readonly Sample[] {
    const transactions = stats.reduce((sum, row) => sum + Number(row.total_xact_count), 0)
    const waitedUs = stats.reduce((sum, row) => sum + Number(row.total_wait_time), 0)
    const came = transactions - this.#transactions
    const waited = waitedUs - this.#waitedUs
    this.#transactions = transactions
    this.#waitedUs = waitedUs
    const count = sample('pooler.transactions', transactions)
    // A restart begins the counters again.
    if (came < 0 || waited < 0 || came + waited === 0) return [count]
    return [count, sample('pooler.waitMs', waited / Math.max(1, came) / 1_000)]
  }
}
