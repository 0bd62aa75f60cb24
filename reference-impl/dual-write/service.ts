/** The service process of dual-write. */
import type { ClickHouseAddress, PostgresAddress } from '../../src/engines/engine.ts'
import { openClient } from '../service-kit/clickhouse/connection.ts'
import { openReads } from '../service-kit/clickhouse/open-reads.ts'
import { CLICKHOUSE_STORE } from '../service-kit/clickhouse/promise.ts'
import { ClickHouseWriter } from '../service-kit/clickhouse/writer.ts'
import { BILLING_DOOR, type IngestEvent } from '../service-kit/event.ts'
import { GroupCommit } from '../service-kit/group-commit.ts'
import { openPostgresIngest } from '../service-kit/postgres/ingest.ts'
import type { Freshness, Reads } from '../service-kit/reads.ts'
import { runService } from '../service-kit/service-process.ts'
import type { Ingest } from '../service-kit/service.ts'
import type { Answer } from '../service-kit/written.ts'
import type { DualWriteSettings } from './architecture.ts'
import { Secondary } from './secondary.ts'

interface Addresses {
  readonly database: PostgresAddress
  readonly warehouse: ClickHouseAddress
}

await runService<Addresses, DualWriteSettings>(async ({ addresses, settings }, context) => {
  const direct = settings.primary === 'direct'
  const primary = await openPostgresIngest(addresses.database, context, {
    name: 'dual-write',
    connections: settings.connections,
    timeoutMs: settings.timeoutMs,
    batch: {
      rowsMax: direct ? settings.eventsPerRequestMax : settings.batchRowsMax,
      requestsMax: direct ? 1 : Number.MAX_SAFE_INTEGER,
    },
    writer: { ...settings, ...(direct ? { method: 'unnest' } : {}) },
    table: { identity: 'first-wins', foreignKeys: false, nonCriticalCodes: [] },
  })
  const secondary = openSecondary(addresses.warehouse, settings)
  const analytics = openReads(addresses.warehouse, {
    name: 'dual-write',
    freshness: () => freshnessOf(secondary, settings.staleAfterS),
  })
  return {
    door: BILLING_DOOR,
    submit: (events, answer) => {
      primary.submit(events, (stored) => {
        answer(stored)
        secondary.send(acceptedOf(events, stored))
      })
    },
    reads: route(primary.reads, settings.analyticsFrom === 'clickhouse' ? analytics.reads : null),
    ping: () => primary.ping(),
    secondary: () => secondary.meter(),
    async [Symbol.asyncDispose]() {
      await primary[Symbol.asyncDispose]()
      await secondary[Symbol.asyncDispose]()
      await analytics.client.close()
    },
  } satisfies Ingest
})

function openSecondary(address: ClickHouseAddress, settings: DualWriteSettings): Secondary {
  const client = openClient(address, {
    name: 'dual-write',
    connections: settings.insertConnections,
    timeoutMs: settings.timeoutMs,
  })
  const commit = new GroupCommit(
    new ClickHouseWriter(client, { attemptsMax: 1 }),
    {
      lanes: settings.insertConnections,
      rowsMax: settings.insertRowsMax,
      requestsMax: Number.MAX_SAFE_INTEGER,
      lingerMs: settings.insertLingerMs,
      timeoutMs: settings.timeoutMs,
      order: 'as-arrived',
      identityOf: BILLING_DOOR.identityOf,
    },
    // Pool wait and batch counters describe the path the ack depends on.
    { waited: () => undefined, batch: () => undefined },
  )
  return new Secondary(commit, {
    queueEventsMax: settings.secondaryQueueEventsMax,
    queueBytesMax: settings.secondaryQueueBytesMax,
  })
}

function acceptedOf(events: readonly IngestEvent[], answer: Answer): readonly IngestEvent[] {
  if (answer.state !== 'stored') return []
  if (answer.duplicates.length + answer.rejected.length === 0) return events
  const left = new Set([...answer.duplicates, ...answer.rejected.map(({ index }) => index)])
  return events.filter((_event, index) => !left.has(index))
}

function freshnessOf(secondary: Secondary, staleAfterS: number): Freshness {
  const lagS = secondary.lagS()
  const stale = lagS > staleAfterS || secondary.meter().failedEvents > 0
  return { source: CLICKHOUSE_STORE, lagS, consistency: 'eventual', stale }
}

/** Lookups ask the store that keeps its promises; aggregates ask the one that is quick at them. */
function route(lookups: Reads, analytics: Reads | null): Reads {
  return {
    answers: lookups.answers,
    lookup: (organizationId, transactionId, demand) =>
      lookups.lookup(organizationId, transactionId, demand),
    query: (query, demand) =>
      query.name === 'Q4' || analytics === null
        ? lookups.query(query, demand)
        : analytics.query(query, demand),
  }
}
