/**
 * A primary and its replicas behind the freshness router. In: their addresses. Out: the router over a pool of each, fed by a
 * heartbeat on the primary and a watch of every replica; without replicas there is neither, and the primary answers.
 */
import type pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { Heartbeat } from '../freshness/heartbeat.ts'
import { ReplicaWatch } from '../freshness/replica-watch.ts'
import { FreshnessRouter } from '../freshness/router.ts'
import { SettledWatch } from '../freshness/settled-watch.ts'
import { breakerRules, lagBudgets, type FreshnessSettings } from '../freshness/settings.ts'
import { openPool, READ_CONNECTIONS } from './connection.ts'

export interface CopyAddresses {
  readonly database: PostgresAddress
  /** The primary past any pooler: prepared statements and settings belong to a session. */
  readonly session: PostgresAddress
  readonly replicas: readonly PostgresAddress[]
}

export interface RoutedPoolsOptions {
  readonly name: string
  readonly freshness: FreshnessSettings
  /** What X-Data-Source says of each copy. */
  readonly sources: { readonly primary: string; readonly replica: (index: number) => string }
  /**
   * Where tables get what is acknowledged later: says on the primary, as `settled_us`, up to when they have all of it. The
   * heartbeat carries that to the replicas, in a column of the same name.
   */
  readonly settled?: string
  readonly log: (line: string) => void
}

export interface RoutedPools extends AsyncDisposable {
  readonly primary: pg.Pool
  /** What a query of a replica that starts now may miss of what was acknowledged, at most; null: it is no replica. */
  settledLagMs(pool: pg.Pool): number | null
  readonly router: FreshnessRouter<pg.Pool>
}

const READ_STATEMENT_TIMEOUT_MS = 120_000
/** A heartbeat that has been silent for this long says that asking the primary would cost a timeout. */
const SILENT_MS = 3_000

/** Rejects when there are replicas and the primary cannot be reached. A replica may be down. */
export async function openRoutedPools(
  addresses: CopyAddresses,
  options: RoutedPoolsOptions,
): Promise<RoutedPools> {
  const { name, freshness, sources, settled, log } = options
  const primary = readingPool(addresses.database, options)
  const isAlone = addresses.replicas.length === 0
  const settling =
    settled === undefined || isAlone ? null : await SettledWatch.open(primary, settled, log)
  const settledUs = settling === null ? undefined : () => settling.lastUs
  const heartbeat = isAlone ? null : await heartbeatFor(addresses, { ...options, settledUs })
  const copies = addresses.replicas.map((address, index) => ({
    source: sources.replica(index),
    access: readingPool(address, options),
    watch: new ReplicaWatch(address, {
      name: replicaName(index),
      source: heartbeatRow(name),
      intervalMs: freshness.sampleMs,
      beat: () => beating(heartbeat).last,
      settles: settling !== null,
      // The first sample comes when its connection is there, so not before the router is.
      onSample: (sample) => {
        router.observe(index, sample)
      },
      log,
    }),
  }))
  const router = new FreshnessRouter<pg.Pool>({
    primary: {
      source: sources.primary,
      access: primary,
      isAway: () => heartbeat !== null && systemClock.nowMs() - heartbeat.last.sentAtMs > SILENT_MS,
    },
    replicas: copies,
    budgetsMs: lagBudgets(freshness),
    tokenWaitMs: freshness.tokenWaitMs,
    rules: breakerRules(freshness),
  })
  return {
    primary,
    router,
    settledLagMs: (pool) =>
      copies.find(({ access }) => access === pool)?.watch.settledLagAtMostMs() ?? null,
    async [Symbol.asyncDispose]() {
      await Promise.all(copies.map(({ watch }) => watch[Symbol.asyncDispose]()))
      await settling?.[Symbol.asyncDispose]()
      await Promise.all([primary, ...copies.map(({ access }) => access)].map((pool) => pool.end()))
      await heartbeat?.[Symbol.asyncDispose]()
    },
  }
}

/** What metrics and answers call the replica at this place of the list. */
export function replicaName(index: number): string {
  return `replica-${String(index + 1)}`
}

async function heartbeatFor(
  { session }: CopyAddresses,
  {
    name,
    freshness,
    settledUs,
    log,
  }: RoutedPoolsOptions & { readonly settledUs: (() => number) | undefined },
): Promise<Heartbeat> {
  const intervalMs = freshness.heartbeatMs
  return await Heartbeat.open(session, {
    ...{ name, source: heartbeatRow(name), intervalMs, settledUs, log },
  })
}

/** One row per process: two services never wait for each other's row. */
function heartbeatRow(name: string): string {
  return `${name} ${String(process.pid)}`
}

function beating(heartbeat: Heartbeat | null): Heartbeat {
  if (heartbeat === null) throw new Error('where there are replicas there is a heartbeat')
  return heartbeat
}

function readingPool(address: PostgresAddress, { name, log }: RoutedPoolsOptions): pg.Pool {
  return openPool(address, {
    connections: READ_CONNECTIONS,
    name: `${name} reads`,
    log,
    statementTimeoutMs: READ_STATEMENT_TIMEOUT_MS,
  })
}
