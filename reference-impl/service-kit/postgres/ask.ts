/**
 * One statement asked of PostgreSQL. In: its text and values, and whether it runs under EXPLAIN ANALYZE. Out: its rows; or,
 * explained, what the engine read for them, which an answer does not tell (mission-map D12).
 */
import type pg from 'pg'
import { QUERY_ROWS_MAX, type Plan, type QueryAnswer, type Row } from '../reads.ts'

/** A pool, or one connection of it. */
export type Asker = Pick<pg.Pool | pg.PoolClient, 'query'>
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}
export type Told = Omit<QueryAnswer, 'freshness'>

/** Whoever asks it asks for the statement to be executed, as PostgreSQL would without: only its rows are left out. */
export async function askStatement(
  asker: Asker,
  { text, values }: Statement,
  { explain = false }: { readonly explain?: boolean },
): Promise<Told> {
  if (!explain) return toldOf((await asker.query<Row>(text, [...values])).rows)
  const { rows } = await asker.query<{ 'QUERY PLAN': Explained[] }>(
    // No clock is read per row: nobody asks which node took how long.
    `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
    [...values],
  )
  const explained = rows[0]?.['QUERY PLAN'][0]
  if (explained === undefined) throw new Error('PostgreSQL explained nothing')
  return { rows: [], truncated: false, ...readIn(explained) }
}

export function toldOf(rows: readonly Row[]): Told {
  return {
    rows: rows.length > QUERY_ROWS_MAX ? rows.slice(0, QUERY_ROWS_MAX) : rows,
    truncated: rows.length > QUERY_ROWS_MAX,
    rowsRead: null,
    bytesRead: null,
  }
}

/** Of an answer that takes two statements, both explained. */
export function readByBoth(first: Told, second: Told): Told {
  const { plan, rowsRead, bytesRead } = second
  if (plan === undefined || first.plan === undefined) return second
  return {
    ...second,
    rowsRead: (first.rowsRead ?? 0) + (rowsRead ?? 0),
    bytesRead: (first.bytesRead ?? 0) + (bytesRead ?? 0),
    plan: {
      planMs: first.plan.planMs + plan.planMs,
      nodes: [...new Set([...first.plan.nodes, ...plan.nodes])],
    },
  }
}

const BLOCK_BYTES = 8_192
/** They read rows of tables; every other node gets them from one of these. */
const SCANS: ReadonlySet<string> = new Set([
  'Seq Scan',
  'Sample Scan',
  'Index Scan',
  'Index Only Scan',
  'Bitmap Heap Scan',
  'Tid Scan',
  'Tid Range Scan',
])

interface PlanNode {
  readonly 'Node Type': string
  /** Means over loops. */
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  /** With those of the nodes below. */
  readonly 'Shared Hit Blocks'?: number
  readonly 'Shared Read Blocks'?: number
  readonly Plans?: readonly PlanNode[]
}

export interface Explained {
  readonly Plan: PlanNode
  readonly 'Planning Time': number
}

/** Rows that scans looked at, whether they gave them on or not, and the blocks of tables and indexes they looked into. */
export function readIn({ Plan: root, ...explained }: Explained): {
  readonly rowsRead: number
  readonly bytesRead: number
  readonly plan: Plan
} {
  const nodes = nodesOf(root)
  const rows = nodes.reduce((sum, node) => sum + rowsReadBy(node), 0)
  const blocks = (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0)
  return {
    rowsRead: Math.round(rows),
    bytesRead: blocks * BLOCK_BYTES,
    plan: {
      planMs: explained['Planning Time'],
      nodes: [...new Set(nodes.map((node) => node['Node Type']))],
    },
  }
}

function rowsReadBy(node: PlanNode): number {
  if (!SCANS.has(node['Node Type'])) return 0
  const removed =
    (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  return (node['Actual Rows'] + removed) * node['Actual Loops']
}

function nodesOf(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}
