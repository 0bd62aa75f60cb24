/**
 * PostgreSQL with streaming replicas: written on the primary, read where the router says. In: their addresses. Out: an
 * Ingest whose acknowledgements carry a consistency token.
 */
import type pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { CommitTokens } from '../freshness/commit-token.ts'
import { Heartbeat } from '../freshness/heartbeat.ts'
import { lsnText } from '../freshness/lsn.ts'
import type { ReadDemand } from '../freshness/read-class.ts'
import { ReplicaWatch } from '../freshness/replica-watch.ts'
import { FreshnessRouter, type Ask } from '../freshness/router.ts'
import { breakerRules, lagBudgets, type FreshnessSettings } from '../freshness/settings.ts'
import { EVENT_QUERIES, type Query, type QueryAnswer, type Reads } from '../reads.ts'
import type { OpenContext } from '../service-process.ts'
import type { Ingest } from '../service.ts'
import { openPool } from './connection.ts'
import { openPostgresIngest, type PostgresIngestOptions } from './ingest.ts'
import { POSTGRES_STORE } from '../../../src/architecture/commit-promise.ts'
import { askPostgres } from './reads.ts'

export interface ReplicatedAddresses {
  readonly database: PostgresAddress
  /** The primary past any pooler: prepared statements and settings belong to a session. */
  readonly session: PostgresAddress
  readonly replicas: readonly PostgresAddress[]
}

export interface ReplicatedIngestOptions extends PostgresIngestOptions {
  readonly freshness: FreshnessSettings
}

const READ_CONNECTIONS = 4
const READ_STATEMENT_TIMEOUT_MS = 120_000
/** A heartbeat that has been silent for this long says that asking the primary would cost a timeout. */
const SILENT_MS = 3_000
const REPLAYED = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS reached'

/** Rejects when the primary cannot be reached. A replica may be down. */
export async function openReplicatedIngest(
  { database, session, replicas }: ReplicatedAddresses,
  context: OpenContext,
  options: ReplicatedIngestOptions,
): Promise<Ingest> {
  const { name, freshness } = options
  const { log } = context
  // One row per process: two services never wait for each other's row.
  const source = `${name} ${String(process.pid)}`
  const primary = await openPostgresIngest(database, context, options)
  const heartbeat = await Heartbeat.open(session, {
    name,
    source,
    intervalMs: freshness.heartbeatMs,
    log,
  })
  const tokens = new CommitTokens(session, {
    name,
    // Non-critical requests are answered before their commit is flushed.
    flushed: options.table.nonCriticalCodes.length === 0,
    log,
  })
  const reading = openReading({ database, replicas }, { source, heartbeat, freshness, name, log })
  return {
    ...primary,
    submit: (events, answer) => {
      primary.submit(events, (said) => {
        if (said.state !== 'stored') {
          answer(said)
          return
        }
        void tokens.afterCommit().then((token) => {
          answer(token === null ? said : { ...said, token })
        })
      })
    },
    reads: new RoutedReads(reading.router),
    routed: () => reading.router.meter,
    async [Symbol.asyncDispose]() {
      await primary[Symbol.asyncDispose]()
      await reading[Symbol.asyncDispose]()
      await heartbeat[Symbol.asyncDispose]()
      await tokens[Symbol.asyncDispose]()
    },
  }
}

interface Reading extends AsyncDisposable {
  readonly router: FreshnessRouter<pg.Pool>
}

function openReading(
  { database, replicas }: Pick<ReplicatedAddresses, 'database' | 'replicas'>,
  options: {
    readonly source: string
    readonly heartbeat: Heartbeat
    readonly freshness: FreshnessSettings
    readonly name: string
    readonly log: (line: string) => void
  },
): Reading {
  const { source, heartbeat, freshness, name, log } = options
  const poolOf = (address: PostgresAddress): pg.Pool =>
    openPool(address, {
      connections: READ_CONNECTIONS,
      name: `${name} reads`,
      log,
      statementTimeoutMs: READ_STATEMENT_TIMEOUT_MS,
    })
  const primary = poolOf(database)
  const copies = replicas.map((address, index) => ({
    source: replicaStore(index),
    access: poolOf(address),
    watch: new ReplicaWatch(address, {
      name: replicaName(index),
      source,
      intervalMs: freshness.sampleMs,
      beat: () => heartbeat.last,
      // The first sample comes when its connection is there, so not before the router is.
      onSample: (sample) => {
        router.observe(index, sample)
      },
      log,
    }),
  }))
  const router = new FreshnessRouter<pg.Pool>({
    primary: {
      source: POSTGRES_STORE,
      access: primary,
      isAway: () => systemClock.nowMs() - heartbeat.last.sentAtMs > SILENT_MS,
    },
    replicas: copies,
    budgetsMs: lagBudgets(freshness),
    tokenWaitMs: freshness.tokenWaitMs,
    rules: breakerRules(freshness),
  })
  return {
    router,
    async [Symbol.asyncDispose]() {
      await Promise.all(copies.map(({ watch }) => watch[Symbol.asyncDispose]()))
      await Promise.all([primary, ...copies.map(({ access }) => access)].map((pool) => pool.end()))
    },
  }
}

/** What metrics and answers call the replica at this place of the list. */
function replicaName(index: number): string {
  return `replica-${String(index + 1)}`
}

export function replicaStore(index: number): string {
  return `${replicaName(index)}.events`
}

class RoutedReads implements Reads {
  readonly answers = EVENT_QUERIES
  readonly #router: FreshnessRouter<pg.Pool>

  constructor(router: FreshnessRouter<pg.Pool>) {
    this.#router = router
  }

  lookup(organizationId: string, transactionId: string, demand: ReadDemand): Promise<QueryAnswer> {
    return this.query({ name: 'Q4', organizationId, transactionId }, demand)
  }

  async query(query: Query, demand: ReadDemand): Promise<QueryAnswer> {
    const ask: Ask<pg.Pool, Omit<QueryAnswer, 'freshness'>> = async (pool, replayed) => {
      if (replayed === null) return await askPostgres(pool, query)
      // On the connection that answers: a server that has just started again may show less than it did before.
      const client = await pool.connect()
      try {
        const { rows } = await client.query<{ reached: boolean | null }>(REPLAYED, [
          lsnText(replayed),
        ])
        if (rows[0]?.reached !== true) throw new Error('the replica fell behind its own position')
        return await askPostgres(client, query)
      } finally {
        client.release()
      }
    }
    const { answer, freshness } = await this.#router.read(demand, ask)
    return { ...answer, freshness }
  }
}
