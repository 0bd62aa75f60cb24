/** What the planner does with a query. In: the step. Out: its shape as text, and planning, rows, pages and indexes as figures. */
import type { StepOf } from '../../../scenario/experiment-step.ts'
import type { ArmContext } from '../arm-context.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  /** Means over loops; with ANALYZE. */
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Exact Heap Blocks'?: number
  readonly 'Lossy Heap Blocks'?: number
  readonly 'Shared Hit Blocks'?: number
  readonly 'Shared Read Blocks'?: number
  readonly Plans?: readonly PlanNode[]
}

interface Explained {
  readonly Plan: PlanNode
  readonly 'Planning Time': number
  readonly 'Execution Time'?: number
}

export async function explain(arm: ArmContext, step: StepOf<'explain'>): Promise<void> {
  const client = await arm.client()
  const options = step.analyze ? 'ANALYZE, BUFFERS, TIMING OFF' : 'SUMMARY'
  const text = `EXPLAIN (${options}, FORMAT JSON) ${arm.sql(step.sql)}`
  const seen: Explained[] = []
  for (let i = 0; i < arm.number(step.times); i++) {
    const answer = await client.query<{ 'QUERY PLAN': Explained[] }>(text)
    seen.push(...(answer.rows[0]?.['QUERY PLAN'] ?? []))
  }
  const last = seen.at(-1)
  if (last === undefined) throw new Error(`${step.name}: PostgreSQL explained nothing`)
  const nodes = nodesOf(last.Plan)
  const indexes = nodes.flatMap((node) => node['Index Name'] ?? [])
  const { index } = step
  arm.keep(step.name, {
    planningMs: middle(seen.map((one) => one['Planning Time'])),
    executionMs: middle(seen.map((one) => one['Execution Time'] ?? Number.NaN)),
    heapPages: nodes.reduce((sum, node) => sum + heapPagesOf(node), 0),
    rowsRead: step.analyze ? nodes.reduce((sum, node) => sum + rowsReadBy(node), 0) : Number.NaN,
    pagesRead: (last.Plan['Shared Hit Blocks'] ?? 0) + (last.Plan['Shared Read Blocks'] ?? 0),
    relations: new Set(nodes.flatMap((node) => node['Relation Name'] ?? [])).size,
    usesIndex:
      index === undefined ? Number.NaN : indexes.some((name) => name.startsWith(index)) ? 1 : 0,
  })
  arm.tell(step.name, 'plan', shapeOf(last.Plan))
}

function nodesOf(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

/** Rows of tables that a scan looked at, whether it gave them on or not. */
function rowsReadBy(node: PlanNode): number {
  if (node['Relation Name'] === undefined) return 0
  const removed =
    (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  return Math.round(((node['Actual Rows'] ?? 0) + removed) * (node['Actual Loops'] ?? 0))
}

/** A bitmap scan counts the heap pages it visits; a sequential scan touches nothing but heap. */
function heapPagesOf(node: PlanNode): number {
  if (node['Node Type'] === 'Bitmap Heap Scan') {
    return (node['Exact Heap Blocks'] ?? 0) + (node['Lossy Heap Blocks'] ?? 0)
  }
  if (node['Node Type'] !== 'Seq Scan') return 0
  return (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0)
}

const CHILDREN_TOLD = 3

/** `Aggregate > Bitmap Heap Scan on events > Bitmap Index Scan using idx_events_ts_brin`. */
function shapeOf(node: PlanNode): string {
  const on = node['Relation Name'] === undefined ? '' : ` on ${node['Relation Name']}`
  const using = node['Index Name'] === undefined ? '' : ` using ${node['Index Name']}`
  const own = `${node['Node Type']}${using}${on}`
  const children = (node.Plans ?? []).map(shapeOf)
  if (children.length === 0) return own
  if (children.length === 1) return `${own} > ${children[0] ?? ''}`
  const more = children.length - CHILDREN_TOLD
  const told = children.slice(0, CHILDREN_TOLD).join('; ')
  return `${own} > (${told}${more > 0 ? `; and ${String(more)} more` : ''})`
}

function middle(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
