/** Steps that act on the whole server: CHECKPOINT, kill -9, kill -9 under load, waiting for it. Out: what was lost. */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import type { StepOf } from '../../../scenario/experiment-step.ts'
import type { ArmContext } from '../arm-context.ts'

const LOOK_EVERY_MS = 200

export async function crash(arm: ArmContext, step: StepOf<'crash'>): Promise<void> {
  await arm.closeClient()
  const startMs = performance.now()
  await restart(arm)
  arm.keep(step.name, { recoveryS: (performance.now() - startMs) / 1_000 })
}

async function restart(arm: ArmContext): Promise<void> {
  const [server] = arm.engine.parts
  if (server === undefined) throw new Error('this engine has no process that could be killed')
  await server.fault('restart')
}

interface Acked {
  readonly n: number
  readonly atMs: number
}

/** One clock: the server stamps what it acknowledges, and what it keeps. */
export async function loseUnderLoad(arm: ArmContext, step: StepOf<'loss'>): Promise<void> {
  const client = await arm.client()
  // Kept whatever becomes of its rows: an arm that does not wait for the disk would lose the table with them.
  await client.query(`BEGIN; SET LOCAL synchronous_commit = on;
    CREATE TABLE acked (n bigint PRIMARY KEY, at timestamptz NOT NULL); COMMIT`)
  const acked: Acked[] = []
  const kill = { ordered: false }
  const inserting = insertUntilKilled(client, acked, kill)
  const seconds = arm.number(step.seconds)
  await Promise.race([sleep(seconds * 1_000, undefined, { signal: arm.signal }), inserting])
  // The server goes while the client is in the middle of its next row: that one was never acknowledged.
  kill.ordered = true
  await Promise.all([restart(arm), inserting])
  await arm.closeClient()
  const after = await arm.client()
  const left = await after.query<Acked>(
    `SELECT n::float8 AS n, extract(epoch FROM at)::float8 * 1000 AS "atMs" FROM acked
     ORDER BY acked.n DESC LIMIT 1`,
  )
  arm.keep(step.name, { ...lossOf(acked, left.rows[0] ?? null) })
}

/**
 * @param lastKept null: the server kept nothing, and what was lost goes back to the first row it acknowledged
 * @throws where nothing was acknowledged: that is no loss of nothing
 */
export function lossOf(
  acked: readonly Acked[],
  lastKept: Acked | null,
): { readonly ackedRows: number; readonly lostRows: number; readonly lostMs: number } {
  const first = acked[0]
  const last = acked.at(-1)
  if (first === undefined || last === undefined) {
    throw new Error('no row was acknowledged before the server was killed')
  }
  const lostRows = acked.filter(({ n }) => n > (lastKept?.n ?? 0)).length
  const lostMs = lostRows === 0 ? 0 : last.atMs - (lastKept ?? first).atMs
  return { ackedRows: acked.length, lostRows, lostMs }
}

/** @throws what the server said before it was to be killed: then nothing was lost, and nothing was measured */
async function insertUntilKilled(
  client: Client,
  acked: Acked[],
  kill: { readonly ordered: boolean },
): Promise<void> {
  for (let n = 1; ; n++) {
    try {
      const answer = await client.query<{ at: number }>({
        name: 'acked',
        text: `INSERT INTO acked VALUES ($1, clock_timestamp())
               RETURNING extract(epoch FROM at)::float8 * 1000 AS at`,
        values: [n],
      })
      acked.push({ n, atMs: Number(answer.rows[0]?.at) })
    } catch (error) {
      if (!kill.ordered) throw error
      // The server was killed: what had no answer was never acknowledged.
      return
    }
  }
}

export async function wait(arm: ArmContext, step: StepOf<'wait'>): Promise<void> {
  const client = await arm.client()
  const text = arm.sql(step.until)
  const startMs = performance.now()
  const untilMs = startMs + arm.number(step.timeoutS) * 1_000
  let held = false
  while (!held && performance.now() < untilMs) {
    await sleep(LOOK_EVERY_MS, undefined, { signal: arm.signal })
    const answer = await client.query<Record<string, boolean>>(text)
    held = Object.values(answer.rows[0] ?? {})[0] === true
  }
  arm.keep(step.name, { s: (performance.now() - startMs) / 1_000, held: held ? 1 : 0 })
}
