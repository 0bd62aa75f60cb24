/** The service process of timescale. */
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { openPostgresIngest } from '../service-kit/postgres/ingest.ts'
import { runService } from '../service-kit/service-process.ts'
import type { TimescaleSettings } from './architecture.ts'
import { identityOf } from '../service-kit/postgres/hypertable.ts'

await runService<{ readonly database: PostgresAddress }, TimescaleSettings>(
  ({ addresses, settings }, context) =>
    openPostgresIngest(addresses.database, context, {
      name: 'timescale',
      connections: settings.connections,
      timeoutMs: settings.timeoutMs,
      batch: { rowsMax: settings.batchRowsMax, requestsMax: Number.MAX_SAFE_INTEGER },
      writer: settings,
      table: { identity: identityOf(settings), foreignKeys: false, nonCriticalCodes: [] },
    }),
)
