/**
 * Rows into ClickHouse over HTTP: the service's writer, which makes the text of parsed events while it sends them, beside
 * curl, which posts text that is ready. Both keep one insert in flight; the service itself keeps two.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openClient } from '../reference-impl/service-kit/clickhouse/connection.ts'
import { RAW_TABLE } from '../reference-impl/service-kit/clickhouse/insert-rows.ts'
import { ClickHouseWriter } from '../reference-impl/service-kit/clickhouse/writer.ts'
import type { IngestEvent } from '../reference-impl/service-kit/event.ts'
import { applySchema } from '../reference-impl/service-kit/schema-script.ts'
import type { ClickHouseAddress } from '../src/engines/engine.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { ROWS, bulkRow, startRig, writtenPerS } from './bulk-rig.ts'
import { isInstalled, runCommand } from './command.ts'
import { benchStream, parsedEvents } from './rows.ts'

const INSERT_ROWS = 10_000

export async function clickhouseRow(options: BenchOptions): Promise<BenchRow> {
  const { signal } = options
  await using rig = await startRig('clickhouse', signal)
  const { engine, dir } = rig
  await applySchema(engine, 'clickhouse-direct/schema.sql', { variant: 'default', signal })
  const address = engine.addressFor('service')
  const events = parsedEvents(await benchStream(1), ROWS)
  const truncated = (): Promise<void> =>
    engine.control.execute(`TRUNCATE TABLE ${RAW_TABLE}`, signal)
  const client = openClient(address, { name: 'bench', connections: 1, timeoutMs: 60_000 })
  await using writer = new ClickHouseWriter(client, { attemptsMax: 1 })
  const ours = async (): Promise<number> => {
    await truncated()
    return await writtenPerS(writer, events, INSERT_ROWS)
  }
  const config = await writeCurlConfig({ dir, address, events })
  const peer = async (): Promise<number> => {
    await truncated()
    const { seconds } = await runCommand('curl', ['-sS', '-K', config], { signal })
    return ROWS / seconds
  }
  return await bulkRow(
    options,
    {
      what: `JSONEachRow insert from Node, ${INSERT_ROWS.toLocaleString('en')} rows at a time, one in flight`,
      peerName: 'curl posting ready text of the same rows to the same engine over one connection',
      reach: 0.7,
      bottleneck: 'events become JSON text in the thread that sends them',
    },
    { ours, peer: isInstalled('curl') ? peer : null },
  )
}

/** The same rows and settings as the writer's, one transfer per insert; user and password stay out of the arguments. */
async function writeCurlConfig(posted: {
  readonly dir: string
  readonly address: ClickHouseAddress
  readonly events: readonly IngestEvent[]
}): Promise<string> {
  const { dir, address, events } = posted
  const url = new URL(address.url)
  url.search = new URLSearchParams({
    database: address.database,
    query: `INSERT INTO ${RAW_TABLE} FORMAT JSONEachRow`,
    async_insert: '0',
    wait_end_of_query: '1',
    date_time_input_format: 'best_effort',
    insert_deduplicate: '0',
  }).toString()
  const transfers: string[] = []
  for (let from = 0; from < events.length; from += INSERT_ROWS) {
    const body = join(dir, `insert-${from}.json`)
    await writeFile(
      body,
      events
        .slice(from, from + INSERT_ROWS)
        .map(jsonRow)
        .join('\n'),
    )
    transfers.push(
      [
        `url = "${url.href}"`,
        `data-binary = "@${body}"`,
        `header = "X-ClickHouse-User: ${address.user}"`,
        ...(address.password === undefined
          ? []
          : [`header = "X-ClickHouse-Key: ${address.password}"`]),
        'header = "Expect:"',
        'fail',
      ].join('\n'),
    )
  }
  const config = join(dir, 'curl.config')
  await writeFile(config, transfers.join('\nnext\n'), { mode: 0o600 })
  return config
}

function jsonRow(event: IngestEvent): string {
  return JSON.stringify({
    organization_id: event.organizationId,
    transaction_id: event.transactionId,
    external_customer_id: event.externalCustomerId,
    code: event.code,
    timestamp: event.timestamp,
    properties: event.properties,
    value: event.value === null ? null : Number(event.value),
    decimal_value: event.value,
  })
}
