/** The one statement of a poll. In: where the last one stopped. Out: its text and values; one statement sees one snapshot. */
import type { Client } from 'pg'
import { within } from './arrival-ranges.ts'
import type { KeyRange } from './arrival-ranges.ts'
import type { ArrivalsCursor, NumberedTable } from './arrivals.ts'

/** Rows in one answer at most: a poll that comes late must not hold a table in memory. */
const ROWS_MAX = 100_000

/** The first row tells the snapshot: xmin in `tx`, xmax in `org`, and no id. */
export interface SeenRow {
  readonly id: string | null
  readonly tx: string
  readonly org: string
  /** Which of `rounds.inTurn`; -1: one of those that are always looked at. */
  readonly part: number
}

interface Place {
  readonly range: KeyRange
  readonly part: number
}

export function arrivalsStatement(
  client: Pick<Client, 'escapeLiteral'>,
  { name, columns }: NumberedTable,
  { lastId, holes, rounds }: ArrivalsCursor,
): { readonly text: string; readonly values: readonly unknown[] } {
  const turn = rounds.inTurn[rounds.turn]
  const often = [
    ...rounds.always.map((range) => ({ range, part: -1 })),
    ...rounds.lately.flatMap((part) => {
      const range = rounds.inTurn[part]
      return range === undefined || part === rounds.turn ? [] : [{ range, part }]
    }),
  ]
  const inTurn = turn === undefined ? [] : [{ range: turn, part: rounds.turn }]
  // What only waits for the end of a round was looked for here already, unless the ranges are new.
  const open = rounds.turn === 0 ? holes : holes.filter(({ until }) => until !== 'round-ended')
  const rowsOf = (places: readonly Place[], ids: string): string =>
    places
      .map(
        ({ range, part }) =>
          `SELECT id, ${columns.id}::text AS tx, ${columns.source}::text AS org, ${String(part)} AS part
             FROM ${name} WHERE ${within(client, rounds.key, range)} AND ${ids}`,
      )
      .join(' UNION ALL ')
  const text = [
    `SELECT NULL::int8 AS id, pg_snapshot_xmin(s)::text AS tx, pg_snapshot_xmax(s)::text AS org, -1 AS part
       FROM pg_current_snapshot() AS s`,
    `(SELECT * FROM (${rowsOf([...often, ...inTurn], 'id > $1')}) AS fresh ORDER BY id LIMIT ${String(ROWS_MAX)})`,
    `SELECT e.* FROM unnest($2::int8[], $3::int8[]) AS hole(a, b)
      CROSS JOIN LATERAL (${rowsOf(often, 'id BETWEEN hole.a AND hole.b')}) AS e`,
    // Many holes wait for their turn: each partition is read once, from the first of them.
    ...(turn === undefined || holes.length === 0
      ? []
      : [
          rowsOf(
            inTurn,
            `id >= ${String(leastOf(holes))} AND id <= $1 AND id <@ '${multirange(holes)}'::int8multirange`,
          ),
        ]),
  ].join(' UNION ALL ')
  return { text, values: [lastId, open.map((hole) => hole.from), open.map((hole) => hole.to)] }
}

type Holes = ArrivalsCursor['holes']

function leastOf(holes: Holes): number {
  return holes.reduce((least, { from }) => Math.min(least, from), Infinity)
}

function multirange(holes: Holes): string {
  return `{${holes.map(({ from, to }) => `[${String(from)},${String(to)}]`).join(',')}}`
}
