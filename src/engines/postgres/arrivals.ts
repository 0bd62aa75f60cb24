/**
 * Rows of a table in the order they become visible, without ever skipping one. Identity values are given out before
 * their transactions commit, so a smaller id may appear after a larger one: every hole below the largest seen id is
 * read again until it is certain that nobody can fill it any more.
 *
 * When is that? A hole is noticed in a snapshot S1, because a larger id is visible in it; so the statement that took
 * the missing value had begun before S1 and holds a backend_xmin ≤ xmax(S1) while it lasts. Once no session does, that
 * statement has ended, and its transaction, if it wrote at all, has an xid below xmax of the next snapshot S2. Once
 * xmin of a snapshot reaches xmax(S2), that transaction has ended, and that snapshot shows its row or it never comes.
 * (It relies on the identity's sequence handing out values one at a time, CACHE 1, which is PostgreSQL's default.)
 */
import type { Client } from 'pg'
import { assert } from '../../kit/errors.ts'
import type { Arrivals } from '../engine.ts'

/** Ids from…to were not visible; `until` says who may still fill them. */
export interface Hole {
  readonly from: number
  readonly to: number
  readonly until: 'statement-ended' | 'transaction-ended'
  /** xmax of the snapshot after which the state before this one was known to be over. */
  readonly xmax: bigint
}

export interface ArrivalsCursor {
  readonly lastId: number
  readonly holes: readonly Hole[]
}

/** What one look at the table saw. */
export interface Look {
  /** backend_xmin of every other session, read before the snapshot was taken. */
  readonly sessionXmins: readonly number[]
  readonly xmin: bigint
  readonly xmax: bigint
  /** Ids that are visible and were asked for: above lastId, or in a hole; ascending. */
  readonly ids: readonly number[]
}

/** Rows in one answer at most: a poll that comes late must not hold a table in memory. */
const ROWS_MAX = 100_000
/** More holes than this are merged with their neighbours: that may repeat an id, never skip one. */
const HOLES_MAX = 4_096
/** At the start, rows in flight are looked for this far below the largest id. */
const START_BACK_IDS = 100_000

interface Row {
  readonly id: string
  readonly tx: string
  readonly org: string
}

export async function readArrivals(
  client: Client,
  table: string,
  cursor: unknown,
): Promise<Arrivals> {
  const before = cursor === null ? await startCursor(client, table) : (cursor as ArrivalsCursor)
  assert(Array.isArray(before.holes), 'the cursor is one that arrivals gave out')
  const { look, rows } = await lookAt(client, table, before)
  const after = advance(before, look)
  if (cursor === null) return { ids: [], sources: [], cursor: after }
  return { ids: rows.map((row) => row.tx), sources: rows.map((row) => row.org), cursor: after }
}

/** The next cursor, given what a look saw. Pure: this is where a row could be lost, so it is tested by itself. */
export function advance(before: ArrivalsCursor, look: Look): ArrivalsCursor {
  const lastId = Math.max(before.lastId, look.ids.at(-1) ?? 0)
  const old = before.holes
    .filter((hole) => hole.until !== 'transaction-ended' || look.xmin < hole.xmax)
    .flatMap((hole) => withoutIds(settle(hole, look), look.ids))
  const fresh = withoutIds(
    { from: before.lastId + 1, to: lastId, until: 'statement-ended', xmax: look.xmax },
    look.ids,
  )
  return { lastId, holes: merged([...old, ...fresh]) }
}

/** A hole whose statement has ended now waits for the transactions that this snapshot knows of. */
function settle(hole: Hole, look: Look): Hole {
  if (hole.until === 'transaction-ended') return hole
  const waiting = look.sessionXmins.some((xmin) => !isAfter(xmin, hole.xmax))
  return waiting ? hole : { ...hole, until: 'transaction-ended', xmax: look.xmax }
}

/** 32-bit transaction ids wrap around: compare them on the circle. */
function isAfter(xid: number, than: bigint): boolean {
  return ((xid - Number(BigInt.asUintN(32, than))) | 0) > 0
}

/** What is left of a hole when these ids (ascending) have been seen. */
function withoutIds(hole: Hole, ids: readonly number[]): readonly Hole[] {
  const left: Hole[] = []
  let from = hole.from
  for (let index = firstAtLeast(ids, hole.from); index < ids.length; index += 1) {
    const id = ids[index] ?? 0
    if (id > hole.to) break
    if (id > from) left.push({ ...hole, from, to: id - 1 })
    from = id + 1
  }
  if (from <= hole.to) left.push({ ...hole, from })
  return left
}

function firstAtLeast(ids: readonly number[], value: number): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ids[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Joins neighbours until at most HOLES_MAX are left; the joined hole waits for whatever either waited for. */
function merged(holes: readonly Hole[]): readonly Hole[] {
  if (holes.length <= HOLES_MAX) return holes
  const sorted = [...holes].sort((a, b) => a.from - b.from)
  const joined: Hole[] = []
  for (let index = 0; index < sorted.length; index += 2) {
    const [left, right] = [sorted[index], sorted[index + 1]]
    if (left === undefined) break
    joined.push(right === undefined ? left : join(left, right))
  }
  return merged(joined)
}

function join(left: Hole, right: Hole): Hole {
  const statement = left.until === 'statement-ended' || right.until === 'statement-ended'
  return {
    from: left.from,
    to: right.to,
    until: statement ? 'statement-ended' : 'transaction-ended',
    xmax: left.xmax > right.xmax ? left.xmax : right.xmax,
  }
}

async function lookAt(
  client: Client,
  table: string,
  cursor: ArrivalsCursor,
): Promise<{ readonly look: Look; readonly rows: readonly Row[] }> {
  const sessions = await client.query<{ xmin: string }>(
    `SELECT DISTINCT backend_xmin::text AS xmin FROM pg_stat_activity
      WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()`,
  )
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const snapshot = await client.query<{ xmin: string; xmax: string }>(
    `SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax
       FROM pg_current_snapshot() AS s`,
  )
  const seen = await client.query<Row>(
    `(SELECT id, transaction_id AS tx, organization_id AS org FROM ${table}
       WHERE id > $1 ORDER BY id LIMIT ${String(ROWS_MAX)})
     UNION ALL
     SELECT e.id, e.transaction_id, e.organization_id
       FROM unnest($2::int8[], $3::int8[]) AS hole(a, b)
       CROSS JOIN LATERAL (SELECT id, transaction_id, organization_id FROM ${table}
                            WHERE id BETWEEN hole.a AND hole.b) AS e`,
    [cursor.lastId, cursor.holes.map((hole) => hole.from), cursor.holes.map((hole) => hole.to)],
  )
  await client.query('COMMIT')
  const at = snapshot.rows[0]
  assert(at !== undefined, 'a snapshot has one row')
  return {
    look: {
      sessionXmins: sessions.rows.map((row) => Number(row.xmin)),
      xmin: BigInt(at.xmin),
      xmax: BigInt(at.xmax),
      ids: seen.rows.map((row) => Number(row.id)).sort((a, b) => a - b),
    },
    rows: seen.rows,
  }
}

/** From now on: everything visible counts as seen; holes near the end may still be filled by writers under way. */
async function startCursor(client: Client, table: string): Promise<ArrivalsCursor> {
  const { rows } = await client.query<{ last: string | null }>(
    `SELECT max(id) AS last FROM ${table}`,
  )
  const last = Number(rows[0]?.last ?? 0)
  return { lastId: Math.max(0, last - START_BACK_IDS), holes: [] }
}
