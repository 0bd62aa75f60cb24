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
  await client.query('CREATE TABLE acked (n bigint PRIMARY KEY, at timestamptz NOT NULL)')
  const acked: Acked[] = []
  const stop = { asked: false }
  const inserting = insertUntil(client, acked, stop)
  await sleep(arm.number(step.seconds) * 1_000, undefined, { signal: arm.signal })
  // The server goes while the client is in the middle of its next row: that one was never acknowledged.
  const restarted = restart(arm)
  await inserting
  stop.asked = true
  await restarted
  await arm.closeClient()
  const after = await arm.client()
  const left = await after.query<{ n: string | null; at: number | null }>(
    'SELECT max(n) AS n, extract(epoch FROM max(at))::float8 * 1000 AS at FROM acked',
  )
  const lastKept = Number(left.rows[0]?.n ?? 0)
  const lastKeptMs = left.rows[0]?.at ?? null
  const lost = acked.filter(({ n }) => n > lastKept)
  const lastAcked = acked.at(-1)
  arm.keep(step.name, {
    ackedRows: acked.length,
    lostRows: lost.length,
    lostMs: lost.length === 0 || lastKeptMs === null ? 0 : (lastAcked?.atMs ?? 0) - lastKeptMs,
  })
}

async function insertUntil(
  client: Client,
  acked: Acked[],
  stop: { readonly asked: boolean },
): Promise<void> {
  for (let n = 1; !stop.asked; n++) {
    try {
      const answer = await client.query<{ at: number }>({
        name: 'acked',
        text: `INSERT INTO acked VALUES ($1, clock_timestamp())
               RETURNING extract(epoch FROM at)::float8 * 1000 AS at`,
        values: [n],
      })
      acked.push({ n, atMs: Number(answer.rows[0]?.at) })
    } catch {
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
