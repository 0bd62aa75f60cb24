/** A worker of outbox-clickhouse: from the table into ClickHouse. */
import type { ClickHouseAddress } from '../../src/engines/engine.ts'
import { openClient } from '../service-kit/clickhouse/connection.ts'
import { ClickHouseSink } from '../service-kit/outbox/clickhouse-sink.ts'
import { runOutboxWorker, type OutboxAddresses } from '../service-kit/outbox/worker-process.ts'
import { rawTableOf } from '../service-kit/outbox/clickhouse-tables.ts'

interface Addresses extends OutboxAddresses {
  readonly warehouse: ClickHouseAddress
}

await runOutboxWorker<Addresses>('outbox-clickhouse', ({ addresses, settings }) => {
  const client = openClient(addresses.warehouse, {
    name: 'outbox-clickhouse worker',
    connections: settings.consumers * settings.concurrency,
    timeoutMs: settings.deliverTimeoutMs,
  })
  return new ClickHouseSink(client, rawTableOf)
})
