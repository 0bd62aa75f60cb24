/**
 * Reads (and preloads) a table of events of ClickHouse. In: an HTTP client, the table's name and columns. Out: the Store
 * that the audit and the freshness poll read, streamed.
 */
import { BILLING_COLUMNS } from '../../shapes/billing/columns.ts'
import type { EventColumns } from '../../shapes/event-columns.ts'
import type { EventsStoreOptions, Store, StoredRows, StoreSize, StoreTotals } from '../engine.ts'
import { storedRowsOf, textRowsOf } from '../stored-rows.ts'
import { readArrivals } from './arrivals.ts'
import type { ClickHouseHttp } from './http.ts'

export function clickHouseEventsStore(http: ClickHouseHttp, options: EventsStoreOptions): Store {
  const table = quoteName(options.table)
  const columns = options.columns ?? BILLING_COLUMNS
  return {
    name: options.name,
    engine: 'clickhouse',
    rows: (signal) => streamRows(http, { table, columns }, signal),
    readable: (signal) => streamRows(http, { table: quoteName(options.readable), columns }, signal),
    totals: (signal) => readTotals(http, { table, columns }, signal),
    arrivals: (cursor, signal) => readArrivals(http, { table, columns, cursor, signal }),
    load: (rows, signal) => load(http, { table, columns, rows, signal }),
    size: (signal) => readSize(http, options.table, signal),
  }
}

export function quoteName(name: string): string {
  return name
    .split('.')
    .map((part) => `\`${part.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``)
    .join('.')
}

interface EventsTable {
  /** Quoted. */
  readonly table: string
  readonly columns: EventColumns
}

async function* streamRows(
  http: ClickHouseHttp,
  { table, columns }: EventsTable,
  signal: AbortSignal,
): AsyncGenerator<StoredRows> {
  const body = await http.stream(
    `SELECT ${columns.id}, ${columns.source}, ${columns.value} FROM ${table} FORMAT TabSeparated`,
    { signal },
  )
  try {
    yield* storedRowsOf(body as AsyncIterable<Buffer>)
  } finally {
    body.destroy()
  }
}

/** @param query without FORMAT */
export async function* streamTexts(
  http: ClickHouseHttp,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly string[])[]> {
  const body = await http.stream(`${query} FORMAT TabSeparated`, { signal })
  try {
    yield* textRowsOf(body as AsyncIterable<Buffer>)
  } finally {
    body.destroy()
  }
}

async function readTotals(
  http: ClickHouseHttp,
  { table, columns: { source, id, value } }: EventsTable,
  signal: AbortSignal,
): Promise<StoreTotals> {
  // value × 64 is a whole number below 2^53; sums of Int64 would wrap, sums of Int128 do not. Identities are grouped,
  // not put into a set: in order where the table is sorted by them, on disk where memory does not suffice.
  const rows = await http.rows(
    `SELECT toString(organization), sum(times), count(), toString(sum(value64))
       FROM (SELECT ${source} AS organization, count() AS times,
                    sum(toInt128(round(coalesce(${value}, 0) * 64))) AS value64
               FROM ${table} GROUP BY ${source}, ${id})
      GROUP BY organization`,
    {
      signal,
      settings: {
        optimize_aggregation_in_order: '1',
        max_bytes_before_external_group_by: '500000000',
      },
    },
  )
  return {
    rows: rows.reduce((sum, row) => sum + Number(row[1]), 0),
    distinctIds: rows.reduce((sum, row) => sum + Number(row[2]), 0),
    value64Sum: rows.reduce((sum, row) => sum + BigInt(row[3] ?? 0), 0n),
    rowsByOrganization: new Map(rows.map((row) => [row[0] ?? '', Number(row[1])])),
  }
}

async function load(
  http: ClickHouseHttp,
  into: EventsTable & {
    readonly rows: AsyncIterable<Buffer>
    readonly signal: AbortSignal
  },
): Promise<void> {
  const columns = into.columns.copy.map((column) => quoteName(column)).join(', ')
  // PostgreSQL's COPY text is ClickHouse's TabSeparated; only times are written another way (`+00`).
  await http.text(`INSERT INTO ${into.table} (${columns}) FORMAT TabSeparated`, {
    signal: into.signal,
    body: into.rows,
    settings: { date_time_input_format: 'best_effort', async_insert: '0' },
  })
}

async function readSize(
  http: ClickHouseHttp,
  table: string,
  signal: AbortSignal,
): Promise<StoreSize> {
  const [name = '', database] = table.split('.').reverse()
  const rows = await http.rows(
    `SELECT sum(rows), sum(data_compressed_bytes), sum(primary_key_size + marks_bytes), sum(bytes_on_disk)
       FROM system.parts
      WHERE active AND table = {table:String}
        AND database = ${database === undefined ? 'currentDatabase()' : '{database:String}'}`,
    { signal, parameters: { table: name, ...(database === undefined ? {} : { database }) } },
  )
  const [rowCount, heapBytes, indexBytes, totalBytes] = rows[0]?.map(Number) ?? []
  return {
    rows: rowCount ?? 0,
    heapBytes: heapBytes ?? 0,
    indexBytes: indexBytes ?? 0,
    totalBytes: totalBytes ?? 0,
  }
}
