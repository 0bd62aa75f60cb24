/** The service process of pg-direct. */
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { openPostgresIngest } from '../service-kit/postgres/ingest.ts'
import { runService } from '../service-kit/service-process.ts'
import type { PgDirectSettings } from './architecture.ts'

await runService<{ readonly database: PostgresAddress }, PgDirectSettings>(
  ({ addresses, settings }, context) =>
    openPostgresIngest(addresses.database, context, {
      name: 'pg-direct',
      connections: settings.connections,
      timeoutMs: settings.timeoutMs,
      // A request of one event is one INSERT, a request with an array one batch; none waits for company.
      batch: { rowsMax: settings.eventsPerRequestMax, requestsMax: 1 },
      writer: {
        method: settings.arrayMethod,
        copyFromRows: Number.MAX_SAFE_INTEGER,
        prepared: settings.prepared,
      },
      table: settings,
    }),
)
