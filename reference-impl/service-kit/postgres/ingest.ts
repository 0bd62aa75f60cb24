/** PostgreSQL as the store the ack depends on: pool, writer, group commit and reads, put together. */
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { BILLING_DOOR } from '../event.ts'
import { GroupCommit } from '../group-commit.ts'
import type { OpenContext } from '../service-process.ts'
import type { Ingest } from '../service.ts'
import { openPool } from './connection.ts'
import { Lanes } from './lanes.ts'
import { PostgresReads } from './reads.ts'
import { PostgresWriter, type PostgresWriterOptions } from './writer.ts'

export interface PostgresIngestOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string
  readonly connections: number
  readonly timeoutMs: number
  readonly batch: { readonly rowsMax: number; readonly requestsMax: number }
  readonly writer: PostgresWriterOptions
}

/** Reads have connections of their own: a slow aggregate must not hold up writes inside the service. */
const READ_CONNECTIONS = 4
const READ_STATEMENT_TIMEOUT_MS = 120_000

/** Rejects when PostgreSQL cannot be reached. */
export async function openPostgresIngest(
  address: PostgresAddress,
  { meters, log }: OpenContext,
  options: PostgresIngestOptions,
): Promise<Ingest> {
  const { name, connections } = options
  const lanes = new Lanes(address, { name, log })
  await lanes.open(connections)
  const readPool = openPool(address, {
    connections: READ_CONNECTIONS,
    name: `${name} reads`,
    log,
    statementTimeoutMs: READ_STATEMENT_TIMEOUT_MS,
  })
  const commit = new GroupCommit(
    new PostgresWriter(lanes, options.writer),
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
  return {
    door: BILLING_DOOR,
    submit: (events, answer) => {
      commit.submit(events, answer)
    },
    reads: new PostgresReads(readPool),
    ping: async () => {
      await readPool.query('SELECT 1')
    },
    secondary: () => null,
    async [Symbol.asyncDispose]() {
      await commit[Symbol.asyncDispose]()
      await readPool.end()
    },
  }
}
