/**
 * The service's side of an outbox: events and their outbox rows in one statement, so in one transaction. In: an address and
 * settings. Out: an Ingest whose ack promises both or neither, and the watch over what waits.
 */
import { EVENT_QUERIES } from '../reads.ts'
import type { EdgeSettings } from '../edge-settings.ts'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { openPool } from '../postgres/connection.ts'
import { openPostgresIngest } from '../postgres/ingest.ts'
import type { OpenContext } from '../service-process.ts'
import type { Ingest } from '../service.ts'
import { queueStatement, type PayloadForm } from './claims.ts'
import type { OutboxSettings } from './settings.ts'
import { OutboxWatch } from './watch.ts'

export interface OutboxIngestOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string
  readonly payload: PayloadForm
  readonly settings: OutboxSettings & EdgeSettings
}

/** One for the look every second, one for Q11. */
export const WATCH_CONNECTIONS = 2
const WATCH_STATEMENT_TIMEOUT_MS = 120_000

/** Rejects when PostgreSQL cannot be reached. */
export async function openOutboxIngest(
  address: PostgresAddress,
  context: OpenContext,
  { name, payload, settings }: OutboxIngestOptions,
): Promise<{ readonly ingest: Ingest; readonly watch: OutboxWatch }> {
  const single = settings.write === 'single'
  const primary = await openPostgresIngest(address, context, {
    name,
    connections: settings.connections,
    timeoutMs: settings.timeoutMs,
    batch: {
      rowsMax: single ? settings.eventsPerRequestMax : settings.batchRowsMax,
      requestsMax: single ? 1 : Number.MAX_SAFE_INTEGER,
    },
    writer: { ...settings, ...(single ? { method: 'unnest' } : {}) },
    table: {
      identity: 'first-wins',
      foreignKeys: false,
      nonCriticalCodes: [],
      following: queueStatement(settings.consumers, payload),
    },
  })
  const pool = openPool(address, {
    connections: WATCH_CONNECTIONS,
    name: `${name} watch`,
    log: context.log,
    statementTimeoutMs: WATCH_STATEMENT_TIMEOUT_MS,
  })
  const watch = new OutboxWatch(pool, settings, context.log)
  const ingest: Ingest = {
    door: primary.door,
    submit: (events, answer) => {
      primary.submit(events, answer)
    },
    reads: {
      answers: [...EVENT_QUERIES, 'Q11'],
      lookup: (organizationId, transactionId, demand) =>
        primary.reads.lookup(organizationId, transactionId, demand),
      query: (query, demand) =>
        query.name === 'Q11' ? watch.q11(query) : primary.reads.query(query, demand),
    },
    ping: () => primary.ping(),
    secondary: () => null,
    metrics: () => watch.lines(),
    async [Symbol.asyncDispose]() {
      await primary[Symbol.asyncDispose]()
      await watch[Symbol.asyncDispose]()
      await pool.end()
    },
  }
  return { ingest, watch }
}
