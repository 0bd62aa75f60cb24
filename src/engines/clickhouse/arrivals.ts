/**
 * Rows of a MergeTree table since a cursor. Every insert makes a part whose name carries its block number; a merge's
 * part carries the range it covers. So one SELECT reads exactly the parts that hold a block above the highest one seen
 * (ClickHouse prunes the others by name, without reading them), and what it read tells the next cursor: no second look
 * at system tables that a merge could slip in between. A merge of seen and unseen blocks repeats the seen ones; merges
 * take parts of similar size, so what is repeated is of the size of what is new.
 *
 * Blocks of a plain MergeTree are numbered while their part becomes visible, so numbers appear in order. Replicated
 * tables number a block before it is committed: there, the last OVERLAP_BLOCKS are read again.
 */
import { assert } from '../../kit/errors.ts'
import type { EventColumns } from '../../shapes/event-columns.ts'
import type { Arrivals } from '../engine.ts'
import type { ClickHouseHttp } from './http.ts'

export interface ArrivalsCursor {
  /** Partition id → highest block number seen. */
  readonly lastBlocks: ReadonlyMap<string, number>
  readonly overlapBlocks: number
}

const OVERLAP_BLOCKS = 64

/** <partition id>_<first block>_<last block>_<level>[_<mutation>] */
const LAST_BLOCK = `toInt64OrZero(extract(_part, '^[^_]+_[0-9]+_([0-9]+)_'))`

export async function readArrivals(
  http: ClickHouseHttp,
  ask: {
    readonly table: string
    readonly columns: Pick<EventColumns, 'source' | 'id'>
    readonly cursor: unknown
    readonly signal: AbortSignal
  },
): Promise<Arrivals> {
  const { table, columns, signal } = ask
  if (ask.cursor === null)
    return { ids: [], sources: [], cursor: await startCursor(http, table, signal) }
  assert(isCursor(ask.cursor), 'the cursor is one that arrivals gave out')
  const { cursor } = ask

  const partitions = [...cursor.lastBlocks]
  const seen =
    partitions.length === 0
      ? '-1'
      : `transform(_partition_id, ${textArray(partitions.map(([partition]) => partition))}, ` +
        `[${partitions.map(([, block]) => String(block - cursor.overlapBlocks)).join(',')}], -1)`
  const rows = await http.rows(
    `SELECT _part, ${columns.id}, toString(${columns.source}) FROM ${table} WHERE ${LAST_BLOCK} > ${seen}`,
    { signal },
  )
  const lastBlocks = new Map(cursor.lastBlocks)
  for (const [part = ''] of rows) keepHighest(lastBlocks, part)
  return {
    ids: rows.map((row) => row[1] ?? ''),
    sources: rows.map((row) => row[2] ?? ''),
    cursor: { ...cursor, lastBlocks },
  }
}

function isCursor(cursor: unknown): cursor is ArrivalsCursor {
  return typeof cursor === 'object' && cursor !== null && 'lastBlocks' in cursor
}

async function startCursor(
  http: ClickHouseHttp,
  table: string,
  signal: AbortSignal,
): Promise<ArrivalsCursor> {
  const rows = await http.rows(
    `SELECT _partition_id, max(${LAST_BLOCK}) FROM ${table} GROUP BY _partition_id`,
    { signal },
  )
  const engine = await http.text(
    `SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {name:String}`,
    { signal, parameters: { name: table.replaceAll('`', '') } },
  )
  return {
    lastBlocks: new Map(rows.map(([partition = '', block = '0']) => [partition, Number(block)])),
    overlapBlocks: /^(Replicated|Shared)/.test(engine) ? OVERLAP_BLOCKS : 0,
  }
}

function keepHighest(lastBlocks: Map<string, number>, part: string): void {
  const match = /^([^_]+)_\d+_(\d+)_/.exec(part)
  if (match === null) return
  const [, partition = '', block = '0'] = match
  lastBlocks.set(partition, Math.max(lastBlocks.get(partition) ?? -1, Number(block)))
}

function textArray(values: readonly string[]): string {
  return `[${values.map((value) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`).join(',')}]`
}
