/** The service process of outbox-clickhouse. */
import type { ClickHouseAddress, PostgresAddress } from '../../src/engines/engine.ts'
import { openReads } from '../service-kit/clickhouse/open-reads.ts'
import { CLICKHOUSE_STORE } from '../service-kit/clickhouse/promise.ts'
import { openOutboxIngest } from '../service-kit/outbox/ingest.ts'
import type { OutboxWatch } from '../service-kit/outbox/watch.ts'
import type { Freshness, Reads } from '../service-kit/reads.ts'
import { runService } from '../service-kit/service-process.ts'
import type { OutboxClickHouseSettings } from './architecture.ts'

interface Addresses {
  readonly database: PostgresAddress
  readonly warehouse: ClickHouseAddress
}

await runService<Addresses, OutboxClickHouseSettings>(async ({ addresses, settings }, context) => {
  const { ingest, watch } = await openOutboxIngest(addresses.database, context, {
    name: 'outbox-clickhouse',
    payload: 'clickhouse-row',
    settings,
  })
  const analytics = openReads(addresses.warehouse, {
    name: 'outbox-clickhouse',
    // What is known of the lag is asked anew for each answer: see below.
    freshness: () => freshnessOf(0, settings),
  })
  return {
    ...ingest,
    reads:
      settings.analyticsFrom === 'postgres'
        ? ingest.reads
        : withAnalytics(ingest.reads, { reads: analytics.reads, watch, settings }),
    async [Symbol.asyncDispose]() {
      await ingest[Symbol.asyncDispose]()
      await analytics.client.close()
    },
  }
})

/** Lookups and the queue ask PostgreSQL; aggregates ask the first consumer, as late as its oldest row that waits. */
function withAnalytics(
  own: Reads,
  by: {
    readonly reads: Reads
    readonly watch: OutboxWatch
    readonly settings: OutboxClickHouseSettings
  },
): Reads {
  return {
    answers: own.answers,
    lookup: (organizationId, transactionId, demand) =>
      own.lookup(organizationId, transactionId, demand),
    async query(query, demand) {
      if (query.name === 'Q4' || query.name === 'Q11') return await own.query(query, demand)
      // Before the query: an answer must not look fresher than the moment it was asked for.
      const lagS = await by.watch.oldestPendingS(1)
      const answer = await by.reads.query(query, demand)
      return { ...answer, freshness: freshnessOf(lagS, by.settings) }
    },
  }
}

function freshnessOf(lagS: number, { staleAfterS }: OutboxClickHouseSettings): Freshness {
  const stale = lagS > staleAfterS
  return { source: CLICKHOUSE_STORE, lagS, consistency: 'eventual', stale }
}
