/**
 * PostgreSQL with streaming replicas: written on the primary, read where the router says. In: their addresses. Out: an
 * Ingest whose acknowledgements carry a consistency token.
 */
import type pg from 'pg'
import { CommitTokens } from '../freshness/commit-token.ts'
import { lsnText } from '../freshness/lsn.ts'
import type { ReadDemand } from '../freshness/read-class.ts'
import type { Ask, FreshnessRouter } from '../freshness/router.ts'
import type { FreshnessSettings } from '../freshness/settings.ts'
import { EVENT_QUERIES, type Query, type QueryAnswer, type Reads } from '../reads.ts'
import type { OpenContext } from '../service-process.ts'
import type { Ingest } from '../service.ts'
import { openPostgresIngest, type PostgresIngestOptions } from './ingest.ts'
import { POSTGRES_STORE } from '../../../src/architecture/commit-promise.ts'
import { askPostgres, type ReadTable } from './reads.ts'
import { openRoutedPools, replicaName, type CopyAddresses } from './routed-pools.ts'

export type ReplicatedAddresses = CopyAddresses

export interface ReplicatedIngestOptions extends PostgresIngestOptions {
  readonly freshness: FreshnessSettings
}

const REPLAYED = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS reached'

/** Rejects when the primary cannot be reached. A replica may be down. */
export async function openReplicatedIngest(
  addresses: ReplicatedAddresses,
  context: OpenContext,
  options: ReplicatedIngestOptions,
): Promise<Ingest> {
  const { name, freshness } = options
  const { log } = context
  const primary = await openPostgresIngest(addresses.database, context, options)
  const reading = await openRoutedPools(addresses, {
    name,
    freshness,
    sources: { primary: POSTGRES_STORE, replica: replicaStore },
    log,
  })
  const tokens = new CommitTokens(addresses.session, {
    name,
    // Non-critical requests are answered before their commit is flushed.
    flushed: options.table.nonCriticalCodes.length === 0,
    log,
  })
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
    reads: new RoutedReads(reading.router, {
      hasIdentities: options.table.identity === 'identity-table',
    }),
    routed: () => reading.router.meter,
    async [Symbol.asyncDispose]() {
      await primary[Symbol.asyncDispose]()
      await reading[Symbol.asyncDispose]()
      await tokens[Symbol.asyncDispose]()
    },
  }
}

export function replicaStore(index: number): string {
  return `${replicaName(index)}.events`
}

class RoutedReads implements Reads {
  readonly answers = EVENT_QUERIES
  readonly #router: FreshnessRouter<pg.Pool>
  readonly #table: ReadTable

  constructor(router: FreshnessRouter<pg.Pool>, table: ReadTable) {
    this.#router = router
    this.#table = table
  }

  lookup(organizationId: string, transactionId: string, demand: ReadDemand): Promise<QueryAnswer> {
    return this.query({ name: 'Q4', organizationId, transactionId }, demand)
  }

  async query(query: Query, demand: ReadDemand): Promise<QueryAnswer> {
    const ask: Ask<pg.Pool, Omit<QueryAnswer, 'freshness'>> = async (pool, replayed) => {
      if (replayed === null) return await askPostgres(pool, query, this.#table)
      // On the connection that answers: a server that has just started again may show less than it did before.
      const client = await pool.connect()
      try {
        const { rows } = await client.query<{ reached: boolean | null }>(REPLAYED, [
          lsnText(replayed),
        ])
        if (rows[0]?.reached !== true) throw new Error('the replica fell behind its own position')
        return await askPostgres(client, query, this.#table)
      } finally {
        client.release()
      }
    }
    const { answer, freshness } = await this.#router.read(demand, ask)
    return { ...answer, freshness }
  }
}
