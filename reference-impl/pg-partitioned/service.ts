/** The service process of pg-partitioned. */
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { openPostgresIngest } from '../service-kit/postgres/ingest.ts'
import { identityOf } from '../service-kit/postgres/partition/settings.ts'
import { runService } from '../service-kit/service-process.ts'
import type { PgPartitionedSettings } from './architecture.ts'

await runService<{ readonly database: PostgresAddress }, PgPartitionedSettings>(
  ({ addresses, settings }, context) =>
    openPostgresIngest(addresses.database, context, {
      name: 'pg-partitioned',
      connections: settings.connections,
      timeoutMs: settings.timeoutMs,
      batch: { rowsMax: settings.batchRowsMax, requestsMax: Number.MAX_SAFE_INTEGER },
      writer: settings,
      table: { identity: identityOf(settings), foreignKeys: false, nonCriticalCodes: [] },
    }),
)
