/** PostgreSQL as the store the ack depends on: pool, writer, group commit and reads, put together. */
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { BILLING_DOOR, type IngestEvent } from '../event.ts'
import { GroupCommit } from '../group-commit.ts'
import type { OpenContext } from '../service-process.ts'
import type { Ingest } from '../service.ts'
import type { BatchWriter } from '../written.ts'
import { openPool, READ_CONNECTIONS } from './connection.ts'
import { Lanes } from './lanes.ts'
import { PostgresReads } from './reads.ts'
import { ReferenceRows } from './reference-rows.ts'
import type { EventStatements, Identity } from './statements.ts'
import { eventStatements } from './statements.ts'
import { PostgresWriter, type PostgresWriterOptions } from './writer.ts'

export interface PostgresIngestOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string
  /** For writing. Non-critical requests get as many again. */
  readonly connections: number
  readonly timeoutMs: number
  readonly batch: { readonly rowsMax: number; readonly requestsMax: number }
  readonly writer: Pick<PostgresWriterOptions, 'method' | 'copyFromRows' | 'prepared'>
  readonly table: EventsTable
  /** Put in front of every writer; absent: nothing is. */
  readonly guard?: (writer: BatchWriter) => BatchWriter
}

/** What the table the events go to is like. */
export interface EventsTable {
  readonly identity: Identity
  readonly foreignKeys: boolean
  readonly nonCriticalCodes: readonly string[]
  /** Stored with each new event or not at all: see statements.ts. */
  readonly following?: string
}

const READ_STATEMENT_TIMEOUT_MS = 120_000

/** Rejects when PostgreSQL cannot be reached. */
export async function openPostgresIngest(
  address: PostgresAddress,
  context: OpenContext,
  options: PostgresIngestOptions,
): Promise<Ingest> {
  const { foreignKeys, nonCriticalCodes, ...told } = options.table
  const references = foreignKeys ? new ReferenceRows() : null
  const open = (relaxed: boolean): Promise<GroupCommit> =>
    openCommit(address, context, {
      ...options,
      statements: eventStatements({ ...told, relaxed }),
      references,
    })
  const durable = await open(false)
  const relaxed = nonCriticalCodes.length === 0 ? null : await open(true)
  const readPool = openPool(address, {
    connections: READ_CONNECTIONS,
    name: `${options.name} reads`,
    log: context.log,
    statementTimeoutMs: READ_STATEMENT_TIMEOUT_MS,
  })
  const nonCritical = new Set(nonCriticalCodes)
  const commitFor = (events: readonly IngestEvent[]): GroupCommit =>
    relaxed !== null && events.every(({ code }) => nonCritical.has(code)) ? relaxed : durable
  return {
    door: BILLING_DOOR,
    submit: (events, answer) => {
      commitFor(events).submit(events, answer)
    },
    reads: new PostgresReads(readPool, { hasIdentities: told.identity === 'identity-table' }),
    ping: async () => {
      await readPool.query('SELECT 1')
    },
    secondary: () => null,
    async [Symbol.asyncDispose]() {
      await Promise.all([durable[Symbol.asyncDispose](), relaxed?.[Symbol.asyncDispose]()])
      await readPool.end()
    },
  }
}

async function openCommit(
  address: PostgresAddress,
  { meters, log }: OpenContext,
  options: PostgresIngestOptions & {
    readonly statements: EventStatements
    readonly references: ReferenceRows | null
  },
): Promise<GroupCommit> {
  const { name, connections, statements, references, guard } = options
  const lanes = new Lanes(address, { name, log })
  await lanes.open(connections)
  const writer = new PostgresWriter(lanes, { ...options.writer, statements, references })
  return new GroupCommit(
    guard?.(writer) ?? writer,
    {
      lanes: connections,
      ...options.batch,
      lingerMs: 0,
      timeoutMs: options.timeoutMs,
      order: 'by-identity',
      identityOf: BILLING_DOOR.identityOf,
    },
    meters,
  )
}
