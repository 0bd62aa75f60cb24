/** Who writes and reads where reads are routed: his token, where his answers came from, and replicas that are held back. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { expect } from 'vitest'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { withClient as withSession } from '../../src/engines/postgres/connection.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { loadTarget } from '../../src/target/load.ts'
import { startRig, type Rig } from './architecture-rig.ts'
import { makeEvent, type EventBody } from './service-client.ts'

/** Critical reads are lenient here: a busy machine must not open a breaker by itself. */
export const LENIENT = {
  criticalLagMs: 1_500,
  searchLagMs: 60_000,
  breakerOpenMs: 300,
  breakerOpenMaxMs: 2_000,
}

export type Server = RunningEngine<'postgres'>
export type Posted = EventBody & { readonly token: string }

export interface ReadBack {
  readonly status: number
  readonly source: string
  readonly lagS: number
  readonly level: string
}

/** @param role `database`, `replica`, `replica-2` */
export function serverOf(rig: Rig, role: string): Server {
  const found = rig.up.engines.find((one) => one.role === role)
  if (found?.engine.kind !== 'postgres') throw new Error(`the rig has no PostgreSQL as ${role}`)
  return found.engine as Server
}

const never = new AbortController().signal

export function withClient<T>(server: Server, use: (client: pg.Client) => Promise<T>): Promise<T> {
  return withSession(server.addressFor('harness'), never, use)
}

export async function setOn(server: Server, name: string, value: string): Promise<void> {
  await withClient(server, async (client) => {
    await client.query(`ALTER SYSTEM SET ${name} = '${value}'`)
    await client.query('SELECT pg_reload_conf()')
  })
}

export async function until(
  what: string,
  holds: () => Promise<boolean>,
  withinMs = 40_000,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`did not come true: ${what}`)
    await delay(10)
  }
}

export async function postTo(rig: Rig, event: EventBody = makeEvent()): Promise<Posted> {
  const response = await fetch(new URL('/v1/events', rig.up.running.ingestUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  expect(response.status).toBe(200)
  return { ...event, token: response.headers.get('x-consistency-token') ?? '' }
}

export async function readFrom(
  rig: Rig,
  event: EventBody,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadBack> {
  const path = `/v1/events/${event.organization_id}/${event.transaction_id}`
  const response = await fetch(new URL(path, rig.up.running.ingestUrl), { headers })
  const body = (await response.json()) as { readonly stale?: boolean }
  expect(body.stale).toBe(false)
  return {
    status: response.status,
    source: response.headers.get('x-data-source') ?? '',
    lagS: Number(response.headers.get('x-data-lag-seconds')),
    level: response.headers.get('x-consistency-level') ?? '',
  }
}

/** A target that ships, with some settings of the test's own. */
export async function startVariant(
  name: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<Rig> {
  const target = loadTarget(join(packageRoot, 'targets', 'variants', `${name}.yaml`))
  if (target.kind !== 'architecture') throw new Error(`${name} is no architecture`)
  const { architecture, engines, schemaVariant } = target
  return await startRig(architecture, {
    settings: { ...target.settings, ...settings },
    engines,
    schemaVariant,
  })
}
