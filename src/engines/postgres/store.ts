/**
 * Reads (and preloads) a table of events of PostgreSQL. In: an address, the table's name and columns. Out: the Store that
 * the audit and the freshness poll read, with the harness's own sessions and never through the service.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { BILLING_COLUMNS } from '../../shapes/billing/columns.ts'
import type { EventColumns } from '../../shapes/event-columns.ts'
import { assert } from '../../kit/errors.ts'
import type {
  Arrivals,
  EventsStoreOptions,
  LoadedThrough,
  PostgresAddress,
  Store,
  StoreSize,
  StoreTotals,
} from '../engine.ts'
import { readArrivals, sessionsOfPrimary } from './arrivals.ts'
import { withClient } from './connection.ts'
import { copiedRows } from './copied-rows.ts'
import { quoteName } from './quote-name.ts'
import { despiteConflicts } from './recovery-conflict.ts'
import { untilReplayed } from './replay.ts'
import type { SharedConnection } from './shared-connection.ts'

/** Aggregations of the audit may sort and hash this much before they go to disk. */
const AUDIT_WORK_MEM = '128MB'

export interface PostgresStoreSource {
  readonly address: PostgresAddress
  /** For the freshness poll, which comes often. */
  readonly polling: SharedConnection
  /** A session on the primary that this server follows; absent: it follows none. */
  readonly primary?: SharedConnection
}

/** @param options `table` and `readable` are plain or schema-qualified names */
export function postgresEventsStore(
  source: PostgresStoreSource,
  options: EventsStoreOptions,
): Store {
  const columns = options.columns ?? BILLING_COLUMNS
  const table = { name: quoteName(options.table), columns }
  const readable = { name: quoteName(options.readable), columns }
  const { address, polling, primary } = source
  return {
    name: options.name,
    engine: 'postgres',
    rows: (signal) => copiedRows(address, copyOf(table), signal),
    readable: (signal) => copiedRows(address, copyOf(readable), signal),
    totals: (signal) =>
      despiteConflicts(signal, () =>
        withClient(address, signal, (client) => readTotals(client, table)),
      ),
    arrivals: (cursor, signal, reach) => {
      const look = (): Promise<Arrivals> =>
        polling.use(signal, (client) =>
          readArrivals(
            primary === undefined
              ? { client, table }
              : { client, table, sessions: () => primary.use(signal, sessionsOfPrimary) },
            cursor,
            reach,
          ),
        )
      // Later looks come again by themselves, and are counted as failed.
      return cursor === null ? despiteConflicts(signal, look) : look()
    },
    // What its primary was given arrives by itself.
    load: (rows, signal) =>
      primary === undefined
        ? load({ address, table, beside: options.beside, through: options.load, signal }, rows)
        : untilReplayed({ address, primary }, signal),
    size: (signal) =>
      despiteConflicts(signal, () =>
        withClient(address, signal, async (client) => ({
          ...(await readSize(client, table.name, options.beside)),
          rows: await countRows(client, table.name),
          indexes: await readIndexes(client, tablesOf(table.name, options.beside)),
        })),
      ),
  }
}

/**
 * Bytes are exact; rows are counted in a small table and estimated in a large one, where counting every few seconds
 * would disturb what is measured.
 */
export function quickSize(
  connection: SharedConnection,
  { table, beside }: Pick<EventsStoreOptions, 'table' | 'beside'>,
): (signal: AbortSignal) => Promise<StoreSize> {
  return (signal) => connection.use(signal, (client) => readSize(client, quoteName(table), beside))
}

/** A table whose columns are known. */
interface EventsTable {
  readonly name: string
  readonly columns: EventColumns
}

function copyOf({ name, columns: { id, source, value } }: EventsTable): string {
  return `COPY (SELECT ${id}, ${source}, ${value} FROM ${name}) TO STDOUT`
}

async function readTotals(client: Client, table: EventsTable): Promise<StoreTotals> {
  const { id, source, value } = table.columns
  await client.query(`SET work_mem = '${AUDIT_WORK_MEM}'`)
  // value × 64 is a whole number below 2^53, so the cast to bigint is exact, and so is its numeric sum.
  const perOrganization = (await hasUniqueIdentity(client, table))
    ? `SELECT ${source} AS org, count(*) AS rows, count(*) AS ids,
              sum((${value} * 64)::bigint) AS value64
         FROM ${table.name} GROUP BY 1`
    : `SELECT org, sum(rows) AS rows, count(*) AS ids, sum(value64) AS value64
         FROM (SELECT ${source} AS org, count(*) AS rows, sum((${value} * 64)::bigint) AS value64
                 FROM ${table.name} GROUP BY ${source}, ${id}) AS identities
        GROUP BY 1`
  const answer = await client.query<
    Record<'org' | 'rows' | 'ids', string> & { value64: string | null }
  >(perOrganization)
  return {
    rows: answer.rows.reduce((sum, row) => sum + Number(row.rows), 0),
    distinctIds: answer.rows.reduce((sum, row) => sum + Number(row.ids), 0),
    value64Sum: answer.rows.reduce((sum, row) => sum + BigInt(row.value64 ?? 0), 0n),
    rowsByOrganization: new Map(answer.rows.map((row) => [row.org, Number(row.rows)])),
  }
}

/** Where a unique index covers exactly the identity, counting rows counts identities. */
async function hasUniqueIdentity(client: Client, table: EventsTable): Promise<boolean> {
  const answer = await client.query<{ found: boolean }>(
    `SELECT EXISTS (
       SELECT FROM pg_index i
        WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
          AND i.indexprs IS NULL
          AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text)
                 FROM pg_attribute a
                WHERE a.attrelid = i.indrelid
                  AND a.attnum = ANY ((i.indkey::int2[])[0 : i.indnkeyatts - 1]))
              = $2::text[]) AS found`,
    [table.name, [table.columns.source, table.columns.id].sort()],
  )
  return answer.rows[0]?.found === true
}

async function load(
  into: {
    readonly address: PostgresAddress
    readonly table: EventsTable
    readonly beside: readonly string[] | undefined
    readonly through: LoadedThrough | undefined
    readonly signal: AbortSignal
  },
  rows: AsyncIterable<Buffer>,
): Promise<void> {
  const { address, table, beside, through, signal } = into
  const columns = table.columns.copy.map((column) => quoteName(column)).join(', ')
  const target = through === undefined ? table.name : quoteName(through.table)
  await withClient(address, signal, async (client) => {
    // One transaction: whoever else takes rows out of there sees none of these.
    await client.query('BEGIN')
    const sink = client.query(copyFrom(`COPY ${target} (${columns}) FROM STDIN`))
    await pipeline(Readable.from(rows, { objectMode: false }), sink)
    for (const statement of through?.then ?? []) await client.query(statement)
    await client.query('COMMIT')
  })
  // Otherwise autovacuum would do this in the middle of the measurement, and plans would know nothing of the rows. In a
  // session of its own: one that still has inserted rows to report would count them a second time.
  await withClient(address, signal, async (client) => {
    await client.query(`VACUUM (ANALYZE) ${tablesOf(table.name, beside).join(', ')}`)
  })
}

/** Tables with their partitions, if they have any. */
const WITH_PARTITIONS = `
  FROM (SELECT named AS relid FROM unnest($1::regclass[]) AS named
        UNION SELECT relid FROM unnest($1::regclass[]) AS named, pg_partition_tree(named)
        -- Chunks of a hypertable inherit, and are no partitions.
        UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY ($1::regclass[])) t
  JOIN pg_class c ON c.oid = t.relid`

async function readSize(
  client: Client,
  table: string,
  beside: readonly string[] = [],
): Promise<StoreSize> {
  const { rows } = await client.query<Record<keyof KnownRows, number>>(
    `SELECT coalesce(sum(pg_stat_get_live_tuples(c.oid)), 0)::float8 AS "liveRows",
            coalesce(sum(CASE WHEN c.relpages > 0
              THEN c.reltuples / c.relpages * (pg_relation_size(c.oid) / 8192) END), 0)::float8 AS "denseRows",
            (sum(pg_relation_size(c.oid)) / 8192)::float8 AS pages,
            sum(c.relpages)::float8 AS "sampledPages" ${WITH_PARTITIONS}`,
    [[table]],
  )
  const [known] = rows
  assert(known !== undefined, 'an aggregate has one row')
  return {
    rows: await rowsOf(client, table, known),
    ...(await readBytes(client, tablesOf(table, beside))),
  }
}

function tablesOf(table: string, beside: readonly string[] = []): readonly string[] {
  return [table, ...beside.map((name) => quoteName(name))]
}

type StoreBytes = Omit<StoreSize, 'rows' | 'indexes'>

async function readBytes(client: Client, tables: readonly string[]): Promise<StoreBytes> {
  const { rows } = await client.query<StoreBytes>(
    `SELECT sum(pg_table_size(c.oid))::float8 AS "heapBytes",
            sum(pg_indexes_size(c.oid))::float8 AS "indexBytes",
            sum(pg_total_relation_size(c.oid))::float8 AS "totalBytes" ${WITH_PARTITIONS}`,
    [tables],
  )
  const [bytes] = rows
  assert(bytes !== undefined, 'an aggregate has one row')
  return bytes
}

/** Of every table's indexes those that are defined alike are one: partitions have one each. */
async function readIndexes(
  client: Client,
  tables: readonly string[],
): Promise<Record<string, number>> {
  const { rows } = await client.query<{ readonly definition: string; readonly bytes: number }>(
    `SELECT CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END ||
              regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') AS definition,
            sum(pg_relation_size(i.indexrelid))::float8 AS bytes ${WITH_PARTITIONS}
       JOIN pg_index i ON i.indrelid = c.oid
      GROUP BY 1 ORDER BY 1`,
    [tables],
  )
  return Object.fromEntries(rows.map(({ definition, bytes }) => [definition, bytes]))
}

/** 32 MiB: a count takes about 10 ms. */
const COUNTED_PAGES_MAX = 4_096
/** Fewer pages may all have been half empty when they were looked at. */
const SAMPLED_PAGES_MIN = 100

/** What the catalogue says of a table's rows. */
interface KnownRows {
  readonly pages: number
  readonly sampledPages: number
  readonly denseRows: number
  readonly liveRows: number
}

/** By the rows per page that the last vacuum or analyze saw, else by the live-row counter. */
async function rowsOf(client: Client, table: string, known: KnownRows): Promise<number> {
  if (known.pages > COUNTED_PAGES_MAX) {
    if (known.sampledPages >= SAMPLED_PAGES_MIN) return Math.round(known.denseRows)
    if (known.liveRows > 0) return known.liveRows
  }
  return countRows(client, table)
}

async function countRows(client: Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table}`)
  return Number(rows[0]?.count)
}
