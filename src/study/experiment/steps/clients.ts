/**
 * Clients in a closed loop: each sends its next call when the last one is answered. In: the step. Out: rows per second,
 * the latency of calls and what they cost the server. The clients share this process: their CPU is part of the loop.
 */
import { performance } from 'node:perf_hooks'
import type { Client } from 'pg'
import { Histogram } from '../../../kit/histogram.ts'
import type { StepOf } from '../../../scenario/experiment-step.ts'
import type { ArmContext } from '../arm-context.ts'
import { billingColumns } from '../billing-rows.ts'
import { measured } from '../meter.ts'
import type { Work } from '../meter.ts'

const TYPES = ['uuid', 'text', 'text', 'text', 'timestamptz', 'jsonb', 'float8', 'numeric'] as const

export async function runClients(arm: ArmContext, step: StepOf<'clients'>): Promise<void> {
  const sessions: Client[] = []
  try {
    for (let i = 0; i < arm.number(step.clients); i++) sessions.push(await arm.open())
    await measured(arm, step.name, () => loop(arm, step, sessions))
  } finally {
    await Promise.all(sessions.map((client) => arm.close(client)))
  }
}

async function loop(
  arm: ArmContext,
  step: StepOf<'clients'>,
  sessions: readonly Client[],
): Promise<Work> {
  const call = callOf(arm, step)
  const latencyUs = new Histogram()
  const callsMax = step.calls === undefined ? Infinity : arm.number(step.calls)
  const forMs = step.seconds === undefined ? Infinity : arm.number(step.seconds) * 1_000
  const startMs = performance.now()
  let calls = 0
  let rows = 0
  await Promise.all(
    sessions.map(async (client) => {
      for (let own = 0; own < callsMax && performance.now() - startMs < forMs; own++) {
        arm.signal.throwIfAborted()
        const sentMs = performance.now()
        const written = await call(client)
        rows += written
        latencyUs.record((performance.now() - sentMs) * 1_000)
        calls += 1
      }
    }),
  )
  const s = (performance.now() - startMs) / 1_000
  return {
    rows,
    s,
    figures: {
      calls,
      callsPerS: calls / s,
      p50Us: Number(latencyUs.quantileUs(0.5)),
      p99Us: Number(latencyUs.quantileUs(0.99)),
    },
  }
}

type Call = (client: Client) => Promise<number>

function callOf(arm: ArmContext, { sql, insert, perCall }: StepOf<'clients'>): Call {
  if (insert !== undefined) {
    const batch = arm.number(insert.batch)
    return batch === 1 ? insertOne(arm, insert) : insertMany(arm, insert, batch)
  }
  const text = arm.sql(sql ?? '')
  const rows = arm.number(perCall)
  return async (client) => {
    await client.query(text)
    return rows
  }
}

type Insert = NonNullable<StepOf<'clients'>['insert']>

function insertOne(arm: ArmContext, insert: Insert): Call {
  const places = TYPES.map((type, index) => `$${String(index + 1)}::${type}`).join(', ')
  const text = `INSERT INTO ${insert.into} (${billingColumns}) VALUES (${places})${conflict(insert)}`
  return async (client) => {
    const values = arm.rows.columns(1).map((column) => column[0])
    await client.query({ name: 'insert-one', text, values })
    return 1
  }
}

function insertMany(arm: ArmContext, insert: Insert, batch: number): Call {
  const arrays = TYPES.map((type, index) => `$${String(index + 1)}::${type}[]`).join(', ')
  const text = `INSERT INTO ${insert.into} (${billingColumns}) SELECT * FROM unnest(${arrays})${conflict(insert)}`
  return async (client) => {
    await client.query({ name: 'insert-many', text, values: [...arm.rows.columns(batch)] })
    return batch
  }
}

function conflict({ onConflict }: Insert): string {
  return onConflict === undefined ? '' : ' ON CONFLICT DO NOTHING'
}
