/** The service process of pg-batch. */
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { openPostgresIngest } from '../service-kit/postgres/ingest.ts'
import { runService } from '../service-kit/service-process.ts'
import type { PgBatchSettings } from './architecture.ts'

await runService<{ readonly database: PostgresAddress }, PgBatchSettings>(
  ({ addresses, settings }, context) =>
    openPostgresIngest(addresses.database, context, {
      name: 'pg-batch',
      connections: settings.connections,
      timeoutMs: settings.timeoutMs,
      batch: { rowsMax: settings.batchRowsMax, requestsMax: Number.MAX_SAFE_INTEGER },
      writer: settings,
      table: settings,
    }),
)
