/** The service process of pg-partitioned. */
import type { RedisAddress } from '../../src/engines/redis/address.ts'
import type { Door } from '../service-kit/door.ts'
import type { IngestEvent } from '../service-kit/event.ts'
import { withWindow } from '../service-kit/dedup/ingest.ts'
import { DedupWindow } from '../service-kit/dedup/window.ts'
import { WindowedWriter } from '../service-kit/dedup/windowed-writer.ts'
import { openPostgresIngest, type PostgresIngestOptions } from '../service-kit/postgres/ingest.ts'
import { identityOf, intervalOf } from '../service-kit/postgres/partition/settings.ts'
import { openReplicatedIngest } from '../service-kit/postgres/replicated-ingest.ts'
import type { CopyAddresses } from '../service-kit/postgres/routed-pools.ts'
import { withinRetention } from '../service-kit/retention.ts'
import type { OpenContext } from '../service-kit/service-process.ts'
import { runService } from '../service-kit/service-process.ts'
import type { PgPartitionedSettings } from './architecture.ts'

interface Addresses extends CopyAddresses {
  /** Absent: Redis is not asked. */
  readonly dedup?: RedisAddress
}

const MS_PER_S = 1_000
/** A statement that was given up may still be committed within it. */
const CLAIM_MARGIN_MS = 2_000

await runService<Addresses, PgPartitionedSettings>(async ({ addresses, settings }, context) => {
  const window = await openWindow(addresses, settings, context)
  const options: PostgresIngestOptions = {
    name: 'pg-partitioned',
    connections: settings.connections,
    timeoutMs: settings.timeoutMs,
    batch: { rowsMax: settings.batchRowsMax, requestsMax: Number.MAX_SAFE_INTEGER },
    writer: settings,
    table: { identity: identityOf(settings), foreignKeys: false, nonCriticalCodes: [] },
    ...(window === null ? {} : { guard: (writer) => new WindowedWriter(writer, window) }),
  }
  const ingest = await (addresses.replicas.length === 0
    ? openPostgresIngest(addresses.database, context, options)
    : openReplicatedIngest(addresses, context, { ...options, freshness: settings }))
  const kept = { ...ingest, door: doorFor(ingest.door, settings) }
  return window === null ? kept : withWindow(kept, window)
})

function doorFor(door: Door<IngestEvent>, settings: PgPartitionedSettings): Door<IngestEvent> {
  const interval = intervalOf(settings)
  const { retainPartitions: ranges } = settings
  if (interval === null || ranges === null) return door
  return withinRetention(door, ({ timestamp }) => timestamp, { interval, ranges })
}

async function openWindow(
  { dedup }: Addresses,
  { dedupWindowS, dedupTimeoutMs, timeoutMs }: PgPartitionedSettings,
  { log }: OpenContext,
): Promise<DedupWindow | null> {
  if (dedup === undefined) return null
  return await DedupWindow.open(dedup, {
    windowMs: dedupWindowS * MS_PER_S,
    claimMs: timeoutMs + CLAIM_MARGIN_MS,
    timeoutMs: dedupTimeoutMs,
    log,
  })
}
