/**
 * Where a poll looks for new rows in a table of many partitions. In: the bounds of its ranges of time. Out: few ranges per
 * poll, so that a poll plans and reads few partitions however many there are. Rows may come into any partition, so:
 *
 * - every poll looks below and above all bounds (where only a default partition holds anything), around now, and into the
 *   old ranges that rows came into lately;
 * - every poll looks into one more group of the old ranges, in turn: after a round of polls, everywhere.
 *
 * Ranges touch each other and end nowhere, so whatever partitions are made, dropped or missing between two looks at the
 * catalogue, every row lies in one of them.
 */
import type { Client } from 'pg'

/** What is read is `key >= from AND key < to`; null: no bound. */
export interface KeyRange {
  readonly from: string | null
  readonly to: string | null
}

/** A round. Old ranges are looked at in turn, the others at every poll. */
export interface Rounds {
  /** Quoted column; null: the table has no ranges of time, and every poll reads all of it. */
  readonly key: string | null
  readonly always: readonly KeyRange[]
  readonly inTurn: readonly KeyRange[]
  /** Which of `inTurn` is next. */
  readonly turn: number
  /** Those of `inTurn` that rows came into, the latest first. */
  readonly lately: readonly number[]
  /** How many have ended. */
  readonly round: number
  /** Polls since the catalogue was asked; a table without ranges of time gets none. */
  readonly age: number
}

/** Partitions of one group. */
const GROUP_PARTITIONS = 8
/** Beyond that many polls a round would leave late rows unseen for long: then groups are larger. */
const ROUND_POLLS_MAX = 50
/** Groups that rows came into lately, looked at by every poll. */
const LATELY_MAX = 2
/** New partitions are seen wherever they are; their number and the place of now are looked up again after this many polls. */
const RELIST_POLLS = 50

const EVERYWHERE: KeyRange = { from: null, to: null }

/** Before the catalogue was asked. */
export const EVERYWHERE_ONCE: Rounds = {
  key: null,
  always: [EVERYWHERE],
  inTurn: [],
  turn: 0,
  lately: [],
  round: 0,
  age: Infinity,
}

interface Bounds {
  readonly key: string | null
  /** Where partitions begin, ascending, and how many of them begin before now. */
  readonly froms: readonly string[]
  readonly past: number
}

/** Looked up at the start, and again at the end of a round when that was long ago. */
export async function roundsNow(client: Client, table: string, before: Rounds): Promise<Rounds> {
  if (before.turn > 0 || before.age < RELIST_POLLS) return before
  return relisted(before, await readBounds(client, table))
}

/** Over the bounds there are now. Old ranges that rows came into lately stay so, whatever groups they lie in now. */
export function relisted(before: Rounds, bounds: Bounds): Rounds {
  const after = roundsOver(bounds, before.round)
  const lately = before.lately.flatMap((old) => {
    const was = before.inTurn[old]
    return was === undefined ? [] : after.inTurn.flatMap((is, now) => (meet(was, is) ? [now] : []))
  })
  return { ...after, lately: [...new Set(lately)] }
}

/** Bounds of one table are written alike, so their text sorts as their time does. */
function meet(one: KeyRange, other: KeyRange): boolean {
  return endsAfter(one.to, other.from) && endsAfter(other.to, one.from)
}

function endsAfter(to: string | null, from: string | null): boolean {
  return to === null || from === null || to > from
}

/** One look at everything, between two of a round. */
export function everywhere({ round }: Rounds): Rounds {
  return { ...EVERYWHERE_ONCE, round }
}

export function roundsOver({ key, froms, past }: Bounds, round = 0): Rounds {
  const start = { turn: 0, lately: [], round, age: 0 }
  const now = past - 1
  // The range before the current one, the current one and the next, and what lies outside of all bounds.
  const low = Math.max(0, now - 1)
  const high = now + 2
  const [first, last] = [froms[0], froms.at(-1)]
  const [before, after] = [cutUp(froms.slice(0, low + 1)), cutUp(froms.slice(high))]
  const old = before.length + after.length
  if (key === null || first === undefined || last === undefined || old === 0) {
    return { key, always: [EVERYWHERE], inTurn: [], ...start }
  }
  const size = Math.max(GROUP_PARTITIONS, Math.ceil(old / ROUND_POLLS_MAX))
  return {
    key,
    always: [
      { from: null, to: first },
      ...(high < froms.length ? [{ from: froms[low] ?? null, to: froms[high] ?? null }] : []),
      { from: high < froms.length ? last : (froms[low] ?? null), to: null },
    ],
    inTurn: [...grouped(before, size), ...grouped(after, size)],
    ...start,
  }
}

/** From each bound to the next. */
function cutUp(bounds: readonly string[]): readonly KeyRange[] {
  return bounds.slice(1).map((to, index) => ({ from: bounds[index] ?? null, to }))
}

function grouped(ranges: readonly KeyRange[], size: number): readonly KeyRange[] {
  const groups: KeyRange[] = []
  for (let index = 0; index < ranges.length; index += size) {
    const group = ranges.slice(index, index + size)
    groups.push({ from: group[0]?.from ?? null, to: group.at(-1)?.to ?? null })
  }
  return groups
}

/** Whether this poll is the last of its round. */
export function endsRound({ inTurn, turn }: Rounds): boolean {
  return turn + 1 >= inTurn.length
}

/** After a poll that found rows in these of `inTurn`. */
export function nextTurn(rounds: Rounds, found: readonly number[]): Rounds {
  const isEnd = endsRound(rounds)
  return {
    ...rounds,
    turn: isEnd ? 0 : rounds.turn + 1,
    lately: [...new Set([...found, ...rounds.lately])].slice(0, LATELY_MAX),
    round: rounds.round + (isEnd ? 1 : 0),
    age: rounds.key === null && rounds.age < Infinity ? 0 : rounds.age + 1,
  }
}

/** As it stands behind WHERE. Bounds are written out: only then does the planner open no other partition. */
export function within(
  client: Pick<Client, 'escapeLiteral'>,
  key: string | null,
  { from, to }: KeyRange,
): string {
  if (key === null) return 'true'
  const conditions = [
    ...(from === null ? [] : [`${key} >= ${client.escapeLiteral(from)}`]),
    ...(to === null ? [] : [`${key} < ${client.escapeLiteral(to)}`]),
  ]
  return conditions.length === 0 ? 'true' : conditions.join(' AND ')
}

interface BoundsRow {
  readonly key: string
  readonly froms: readonly string[] | null
  readonly past: number
}

/** One column of time that is never NULL: rows with none would lie outside of all ranges. */
const PARTITIONS = `
SELECT quote_ident(root.attname) AS key, array_agg(part.bound ORDER BY part.bound::timestamptz)
         FILTER (WHERE part.bound IS NOT NULL) AS froms,
       count(*) FILTER (WHERE part.bound::timestamptz <= now())::int AS past
  FROM (SELECT p.partrelid, a.attname
          FROM pg_partitioned_table p
          JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
         WHERE p.partrelid = $1::regclass AND p.partstrat = 'r' AND p.partnatts = 1 AND a.attnotnull
           AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)) AS root
  JOIN LATERAL (SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM $$FROM \\('([^']+)'\\)$$) AS bound
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = root.partrelid) AS part ON true
 GROUP BY 1`

const CHUNKS = `
SELECT quote_ident(d.column_name) AS key,
       (SELECT array_agg(at::text ORDER BY at) FROM unnest(array_agg(DISTINCT c.range_start)) AS at) AS froms,
       count(DISTINCT c.range_start) FILTER (WHERE c.range_start <= now())::int AS past
  FROM timescaledb_information.dimensions d
  LEFT JOIN timescaledb_information.chunks c USING (hypertable_schema, hypertable_name)
 WHERE format('%I.%I', d.hypertable_schema, d.hypertable_name)::regclass = $1::regclass AND d.dimension_number = 1
   AND d.column_type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
 GROUP BY 1`

async function readBounds(client: Client, table: string): Promise<Bounds> {
  const { rows } = await client.query<BoundsRow>(PARTITIONS, [table])
  const found = rows[0] ?? (await readChunks(client, table))
  return { key: found?.key ?? null, froms: found?.froms ?? [], past: found?.past ?? 0 }
}

async function readChunks(client: Client, table: string): Promise<BoundsRow | undefined> {
  const { rows } = await client.query<{ has: boolean }>(
    `SELECT to_regclass('timescaledb_information.chunks') IS NOT NULL AS has`,
  )
  if (rows[0]?.has !== true) return undefined
  return (await client.query<BoundsRow>(CHUNKS, [table])).rows[0]
}
