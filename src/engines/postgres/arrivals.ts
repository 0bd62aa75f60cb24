/**
 * Rows of a table in the order they become visible, without ever skipping one. Identity values are given out before
 * their transactions commit, so a smaller id may appear after a larger one: every hole below the largest seen id is
 * read again until it is certain that nobody can fill it any more.
 *
 * When is that? A hole is noticed in a snapshot S1, because a larger id is visible in it; so the statement that took
 * the missing value had begun before S1 and holds a backend_xmin ≤ xmax(S1) while it lasts. Once no session does, that
 * statement has ended, and its transaction, if it wrote at all, has an xid: it is one of those that sessions hold at
 * that moment, or it ended before. Once xmin of a snapshot is above all of these, that transaction has ended too, and
 * that snapshot shows its row or it never comes. (xmax of a snapshot is one above the last xid that ENDED: it says
 * nothing of those still running. And identities are assumed to be handed out one at a time, CACHE 1, as by default.)
 *
 * On a replica the same holds with the sessions of its primary, where the xids are given out: a row is visible here only
 * after its commit was replayed, and until then its xid is not below xmin of any snapshot here.
 *
 * A poll does not look into every partition of a large table (arrival-ranges.ts). So a hole that nobody can fill any more
 * is kept until a whole round of polls that began later has looked everywhere for it.
 */
import type { Client } from 'pg'
import { assert } from '../../kit/errors.ts'
import type { EventColumns } from '../../shapes/event-columns.ts'
import type { Arrivals, Reach } from '../engine.ts'
import { EVERYWHERE_ONCE, endsRound, everywhere, nextTurn, roundsNow } from './arrival-ranges.ts'
import type { Rounds } from './arrival-ranges.ts'
import { arrivalsStatement } from './arrivals-statement.ts'
import type { SeenRow } from './arrivals-statement.ts'

/** Ids from…to were not visible; `until` says who may still fill them. */
export interface Hole {
  readonly from: number
  readonly to: number
  readonly until: 'statement-ended' | 'transaction-ended' | 'round-ended'
  /**
   * Waiting for statements: while a backend_xmin is not above it. For transactions: until a snapshot's xmin reaches it. For
   * a round: not an xid, the number of that round.
   */
  readonly xid: bigint
}

export interface ArrivalsCursor {
  readonly lastId: number
  readonly holes: readonly Hole[]
  readonly rounds: Rounds
}

/** What one look at the table saw. */
export interface Look {
  /** backend_xmin of every other session, read before the snapshot was taken; 32 bits, as PostgreSQL shows them. */
  readonly sessionXmins: readonly number[]
  /** Transaction ids that other sessions (and prepared transactions) held at that same moment; 32 bits. */
  readonly sessionXids: readonly number[]
  /** Of another server's sessions: its snapshot's xmax at that moment. What ended there may not have arrived here. */
  readonly sessionsXmax?: bigint
  readonly xmin: bigint
  readonly xmax: bigint
  /** Ids that are visible and were asked for: above lastId, or in a hole; ascending. */
  readonly ids: readonly number[]
  /** Which of `rounds.inTurn` held one of these. */
  readonly found: readonly number[]
}

/** More holes than this are merged with their neighbours: that may repeat an id, never skip one. */
const HOLES_MAX = 4_096
/** At the start, rows in flight are looked for this far below the largest id. */
const START_BACK_IDS = 100_000

type Row = SeenRow & { readonly id: string }

/** Its rows are numbered by a column `id`. */
export interface NumberedTable {
  readonly name: string
  readonly columns: Pick<EventColumns, 'source' | 'id'>
}

export interface ArrivalsSource {
  readonly client: Client
  readonly table: NumberedTable
  /** Who may still write: sessions of this server where absent. Of a replica, those of its primary. */
  readonly sessions?: () => Promise<Sessions>
}

export async function readArrivals(
  source: ArrivalsSource,
  cursor: unknown,
  reach: Reach = 'in-turn',
): Promise<Arrivals> {
  const last = cursor === null ? await startCursor(source) : (cursor as ArrivalsCursor)
  assert(Array.isArray(last.holes), 'the cursor is one that arrivals gave out')
  const { client, table } = source
  const rounds = cursor === null ? last.rounds : await roundsNow(client, table.name, last.rounds)
  const before = { ...last, rounds: reach === 'everywhere' ? everywhere(rounds) : rounds }
  const { look, rows } = await lookAt(source, before)
  const after = advance(before, look)
  if (cursor === null) return { ids: [], sources: [], cursor: after }
  return {
    ids: rows.map((row) => row.tx),
    sources: rows.map((row) => row.org),
    // A look at everything comes between two of a round, which goes on where it was.
    cursor: reach === 'everywhere' ? { ...after, rounds } : after,
    roundPolls: Math.max(1, rounds.inTurn.length),
  }
}

/** The next cursor, given what a look saw. Pure: this is where a row could be lost, so it is tested by itself. */
export function advance(before: ArrivalsCursor, look: Look): ArrivalsCursor {
  const lastId = Math.max(before.lastId, look.ids.at(-1) ?? 0)
  const old = before.holes
    .flatMap((hole) => settle(hole, look, before.rounds))
    .flatMap((hole) => withoutIds(hole, look.ids))
  const fresh = withoutIds(
    { from: before.lastId + 1, to: lastId, until: 'statement-ended', xid: look.xmax },
    look.ids,
  )
  return {
    lastId,
    holes: merged([...old, ...fresh]),
    rounds: nextTurn(before.rounds, look.found),
  }
}

/** What a hole waits for after this look; nothing: it is none any more. */
function settle(hole: Hole, look: Look, rounds: Rounds): readonly Hole[] {
  switch (hole.until) {
    case 'statement-ended':
      return [afterStatement(hole, look)]
    case 'transaction-ended':
      if (look.xmin < hole.xid) return [hole]
      // Where every look goes everywhere, this one did.
      return rounds.inTurn.length <= 1
        ? []
        : [{ ...hole, until: 'round-ended', xid: BigInt(rounds.round + 1) }]
    case 'round-ended':
      return rounds.round >= hole.xid && endsRound(rounds) ? [] : [hole]
  }
}

/** A hole whose statement has ended now waits for every transaction that had begun by then. */
function afterStatement(hole: Hole, look: Look): Hole {
  if (look.sessionXmins.some((xmin) => widened(xmin, look.xmax) <= hole.xid)) return hole
  const begun = look.sessionXids.map((xid) => widened(xid, look.xmax) + 1n)
  const xid = [...begun, look.sessionsXmax ?? look.xmax].reduce(
    (highest, next) => (next > highest ? next : highest),
    look.xmax,
  )
  return { ...hole, until: 'transaction-ended', xid }
}

/** 32-bit transaction ids wrap around; all live ones lie within half a circle of each other. */
function widened(xid: number, near: bigint): bigint {
  return near + BigInt.asIntN(32, BigInt(xid) - near)
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
  const until = STAGES.find((stage) => stage === left.until || stage === right.until)
  const waiting = [left, right].filter((hole) => hole.until === until)
  const xid = waiting.reduce((highest, hole) => (hole.xid > highest ? hole.xid : highest), 0n)
  return { from: left.from, to: right.to, until: until ?? left.until, xid }
}

/** What a hole waits for, one after the other. */
const STAGES = ['statement-ended', 'transaction-ended', 'round-ended'] as const

/** Two statements at most: polls are most of what measuring costs the database. */
async function lookAt(
  { client, table, sessions: ask = () => sessionsNow(client) }: ArrivalsSource,
  cursor: ArrivalsCursor,
): Promise<{ readonly look: Look; readonly rows: readonly Row[] }> {
  const sessions = cursor.holes.length === 0 ? NO_SESSIONS : await ask()
  const { text, values } = arrivalsStatement(client, table, cursor)
  const { rows: seen } = await client.query<SeenRow>(text, [...values])
  const at = seen.find((row) => row.id === null)
  assert(at !== undefined, 'a snapshot has one row')
  const rows = seen.filter((row): row is Row => row.id !== null)
  return {
    look: {
      ...sessions,
      xmin: BigInt(at.tx),
      xmax: BigInt(at.org),
      ids: rows.map((row) => Number(row.id)).sort((a, b) => a - b),
      found: [...new Set(rows.map((row) => row.part))].filter((part) => part >= 0),
    },
    rows,
  }
}

type Sessions = Pick<Look, 'sessionXmins' | 'sessionXids' | 'sessionsXmax'>

/** Only holes that were there before wait for a session: without any, nobody needs to be asked. */
const NO_SESSIONS: Sessions = { sessionXmins: [], sessionXids: [] }

/** On a primary, for arrivals on its replica: the snapshot is taken last, so that what had ended is below its xmax. */
export async function sessionsOfPrimary(primary: Client): Promise<Sessions> {
  const sessions = await sessionsNow(primary)
  const { rows } = await primary.query<{ xmax: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xmax',
  )
  return { ...sessions, sessionsXmax: BigInt(rows[0]?.xmax ?? 0) }
}

async function sessionsNow(client: Client): Promise<Sessions> {
  const { rows } = await client.query<{ xmin: string | null; xid: string | null }>(
    `SELECT backend_xmin::text AS xmin, backend_xid::text AS xid FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
     UNION ALL SELECT NULL, transaction::text FROM pg_prepared_xacts`,
  )
  return {
    sessionXmins: rows.flatMap((row) => (row.xmin === null ? [] : [Number(row.xmin)])),
    sessionXids: rows.flatMap((row) => (row.xid === null ? [] : [Number(row.xid)])),
  }
}

/**
 * From now on: everything visible counts as seen, wherever it is; holes near the end may still be filled by writers under
 * way.
 */
async function startCursor({ client, table }: ArrivalsSource): Promise<ArrivalsCursor> {
  const { rows } = await client.query<{ last: string | null }>(
    `SELECT max(id) AS last FROM ${table.name}`,
  )
  const last = Number(rows[0]?.last ?? 0)
  return { lastId: Math.max(0, last - START_BACK_IDS), holes: [], rounds: EVERYWHERE_ONCE }
}
