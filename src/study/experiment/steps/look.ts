/** Steps that only look: bytes on disk, one row of figures, what is refused. In: the step. Out: figures and texts. */
import type { StepOf } from '../../../scenario/experiment-step.ts'
import { messageOf } from '../../../kit/errors.ts'
import { sqlStateOf } from '../../../engines/postgres/sql-state.ts'
import type { ArmContext } from '../arm-context.ts'

/** With partitions and chunks; heap with its forks and its TOAST table, indexes with theirs. */
const SIZES = `
  WITH RECURSIVE tables AS (
    SELECT $1::regclass::oid AS relid
    UNION SELECT inhrelid FROM pg_inherits JOIN tables ON inhparent = relid)
  SELECT sum(pg_table_size(relid)) AS heap, sum(pg_indexes_size(relid)) AS indexes FROM tables`

export async function lookSizes(arm: ArmContext, step: StepOf<'sizes'>): Promise<void> {
  const client = await arm.client()
  const sizes = await client.query<{ heap: string; indexes: string }>(SIZES, [step.of])
  const counted = await client.query<{ rows: string }>(`SELECT count(*) AS rows FROM ${step.of}`)
  const rows = Number(counted.rows[0]?.rows)
  const heapBytes = Number(sizes.rows[0]?.heap)
  const indexBytes = Number(sizes.rows[0]?.indexes)
  arm.keep(step.name, {
    rows,
    heapBytes,
    indexBytes,
    totalBytes: heapBytes + indexBytes,
    heapBytesPerRow: heapBytes / rows,
    indexBytesPerRow: indexBytes / rows,
  })
}

export async function lookQuery(arm: ArmContext, step: StepOf<'query'>): Promise<void> {
  const client = await arm.clientOn(step.on)
  // What this session has counted reaches the statistics views only now; the function came with PostgreSQL 15.
  await client.query('SELECT pg_stat_force_next_flush()')
  const answer = await client.query<Record<string, unknown>>(arm.sql(step.sql))
  const row = answer.rows[0] ?? {}
  for (const [column, value] of Object.entries(row)) {
    if (step.gives.includes(column)) arm.keep(step.name, { [column]: Number(value) })
    else if (typeof value === 'string') arm.tell(step.name, column, value)
  }
  const missing = step.gives.filter((column) => !(column in row))
  if (missing.length > 0) throw new Error(`${step.name} does not give ${missing.join(', ')}`)
}

export async function lookRefused(arm: ArmContext, step: StepOf<'refused'>): Promise<void> {
  const client = await arm.clientOn(step.on)
  try {
    await client.query(arm.sql(step.sql))
    arm.keep(step.name, { refused: 0 })
    arm.tell(step.name, 'message', 'accepted')
  } catch (error) {
    const sqlState = sqlStateOf(error)
    // A connection that broke is no refusal.
    if (sqlState === null) throw error
    const detail = (error as { readonly detail?: unknown }).detail
    const more = typeof detail === 'string' ? ` (${detail})` : ''
    arm.keep(step.name, { refused: 1 })
    arm.tell(step.name, 'message', `${sqlState}: ${messageOf(error)}${more}`)
  }
}
