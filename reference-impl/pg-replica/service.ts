/** The service process of pg-replica. */
import {
  openReplicatedIngest,
  type ReplicatedAddresses,
} from '../service-kit/postgres/replicated-ingest.ts'
import { runService } from '../service-kit/service-process.ts'
import type { PgReplicaSettings } from './architecture.ts'

await runService<ReplicatedAddresses, PgReplicaSettings>(({ addresses, settings }, context) =>
  openReplicatedIngest(addresses, context, {
    name: 'pg-replica',
    connections: settings.connections,
    timeoutMs: settings.timeoutMs,
    batch: { rowsMax: settings.batchRowsMax, requestsMax: Number.MAX_SAFE_INTEGER },
    writer: settings,
    table: settings,
    freshness: settings,
  }),
)
