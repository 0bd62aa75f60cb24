/** The service process of clickhouse-direct. */
import type { ClickHouseAddress } from '../../src/engines/engine.ts'
import { openClient } from '../service-kit/clickhouse/connection.ts'
import { openReads, ping } from '../service-kit/clickhouse/open-reads.ts'
import { CLICKHOUSE_STORE } from '../service-kit/clickhouse/promise.ts'
import { ClickHouseWriter } from '../service-kit/clickhouse/writer.ts'
import { BILLING_DOOR } from '../service-kit/event.ts'
import { GroupCommit } from '../service-kit/group-commit.ts'
import type { Freshness } from '../service-kit/reads.ts'
import { runService } from '../service-kit/service-process.ts'
import type { ClickHouseDirectSettings } from './architecture.ts'

/** An insert is acknowledged once its part is active, so every query sees every acknowledged event. */
const CURRENT: Freshness = {
  source: CLICKHOUSE_STORE,
  lagS: 0,
  consistency: 'strong',
  stale: false,
}

await runService<{ readonly warehouse: ClickHouseAddress }, ClickHouseDirectSettings>(
  async ({ addresses, settings }, { meters }) => {
    const { warehouse } = addresses
    const writer = new ClickHouseWriter(
      openClient(warehouse, {
        name: 'clickhouse-direct',
        connections: settings.insertConnections,
        timeoutMs: settings.timeoutMs,
      }),
      { attemptsMax: settings.insertAttemptsMax },
    )
    const reads = openReads(warehouse, { name: 'clickhouse-direct', freshness: () => CURRENT })
    await ping(reads.client)
    const commit = new GroupCommit(
      writer,
      {
        lanes: settings.insertConnections,
        rowsMax: settings.insertRowsMax,
        requestsMax: Number.MAX_SAFE_INTEGER,
        lingerMs: settings.insertLingerMs,
        timeoutMs: settings.timeoutMs,
        order: 'as-arrived',
        identityOf: BILLING_DOOR.identityOf,
      },
      meters,
    )
    return {
      door: BILLING_DOOR,
      submit: (events, answer) => {
        commit.submit(events, answer)
      },
      reads: reads.reads,
      ping: () => ping(reads.client),
      secondary: () => null,
      async [Symbol.asyncDispose]() {
        await commit[Symbol.asyncDispose]()
        await reads.client.close()
      },
    }
  },
)
