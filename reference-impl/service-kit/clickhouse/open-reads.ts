/** Reads of ClickHouse with connections of their own, so that a slow query does not hold up inserts. */
import type { ClickHouseClient } from '@clickhouse/client'
import type { ClickHouseAddress } from '../../../src/engines/engine.ts'
import type { Freshness } from '../reads.ts'
import { openClient } from './connection.ts'
import { ClickHouseReads } from './reads.ts'

const READ_CONNECTIONS = 8
const READ_TIMEOUT_MS = 120_000

export function openReads(
  address: ClickHouseAddress,
  options: { readonly name: string; readonly freshness: () => Freshness },
): { readonly client: ClickHouseClient; readonly reads: ClickHouseReads } {
  const client = openClient(address, {
    name: `${options.name} reads`,
    connections: READ_CONNECTIONS,
    timeoutMs: READ_TIMEOUT_MS,
  })
  return { client, reads: new ClickHouseReads(client, options.freshness) }
}

/** Rejects when ClickHouse does not answer. */
export async function ping(client: ClickHouseClient): Promise<void> {
  const answer = await client.ping()
  if (!answer.success) throw answer.error
}
