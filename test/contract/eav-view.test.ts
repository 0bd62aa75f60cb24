/** Q10 of eav from its materialised view (mission-map C22): the same answer as from the time series, and how old it may be. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Projection } from '../../src/architecture/projection.ts'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { copiedTexts } from '../../src/engines/postgres/copied-rows.ts'
import { hourlyView } from '../../reference-impl/service-kit/eav/viewed.ts'
import { distinctQuery } from '../../reference-impl/service-kit/eav/statements.ts'
import { SKIPPED, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeWrite, type WriteBody } from './shape-kits.ts'

const signal = AbortSignal.timeout(170_000)
const VIEW = 'postgres.entity_values_hourly'
const missing = SKIPPED.find(({ id }) => id === 'eav')?.because
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(missing !== undefined)(`eav with a view (${missing ?? 'here'})`, () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig('eav', { settings: { distinctQuery: 'view', viewRefreshMs: 100 } })
  })
  afterAll(async () => {
    await rig[Symbol.asyncDispose]()
  })

  const tenant_id = randomUUID()
  const statusAt = (index: number): WriteBody =>
    makeWrite({
      tenant_id,
      entity_id: index % 17,
      attribute: ['status', 'category', 'color'][index % 3]!,
      value: index % 5 === 0 ? index % 10 : `state ${String(index % 7)}`,
      written_at: new Date(Date.UTC(2026, 1, 25) + ((index * 7_919) % 600) * 61_000).toISOString(),
    })
  const writes = Array.from({ length: 300 }, (_, index) => statusAt(index))
  const [FROM, TO] = ['2026-02-25T00:00:00Z', '2026-02-25T09:00:00Z']

  async function q10(from: string, to: string, readClass = 'analytics') {
    const search = new URLSearchParams({ tenant_id, from, to }).toString()
    const url = new URL(`/v1/queries/Q10?${search}`, rig.up.running.ingestUrl)
    const response = await fetch(url, { headers: { 'x-read-class': readClass } })
    const { rows, stale } = (await response.json()) as { rows: unknown[]; stale: boolean }
    return {
      ...{ rows, stale },
      source: response.headers.get('x-data-source'),
      lagMs: 1_000 * Number(response.headers.get('x-data-lag-seconds')),
      level: response.headers.get('x-consistency-level'),
    }
  }

  async function keysOf(view: Projection): Promise<readonly string[]> {
    const keys: string[] = []
    expect(await view.caughtUp?.(signal)).toBeNull()
    for await (const rows of view.rows(signal)) keys.push(...rows.map(({ key }) => key))
    return keys
  }

  async function untilRefreshed(): Promise<void> {
    const [now] = await sqlOf<{ at: Date }>(rig, 'SELECT clock_timestamp() AS at')
    await expect
      .poll(
        async () =>
          (
            await sqlOf<{ is: boolean }>(rig, 'SELECT as_of > $1 AS is FROM eav_view', [now!.at])
          )[0]!.is,
        { timeout: 20_000 },
      )
      .toBe(true)
  }

  it('answers over any range as the time series does', async () => {
    await rig.client.post(writes)
    await untilReadable(rig.up.running.stores[0]!, writes.length)
    await untilRefreshed()
    for (const [from, to] of [
      [FROM, TO],
      ['2026-02-25T01:00:00Z', '2026-02-25T02:00:00Z'],
      ['2026-02-25T00:30:00.000001Z', '2026-02-25T05:10:00Z'],
      ['2026-02-25T03:10:00Z', '2026-02-25T03:50:00Z'],
      ['2026-02-25T02:50:00Z', '2026-02-25T03:10:00Z'],
      ['2026-02-25T06:00:00Z', '2026-02-25T06:00:00Z'],
    ] as const) {
      const expected = await sqlOf(rig, distinctQuery('indexed'), [tenant_id, from, to])
      const answer = await q10(from, to)
      expect(answer.rows, `${from} to ${to}`).toEqual(expected)
      expect(answer).toMatchObject({ source: VIEW, level: 'eventual', stale: false })
    }
    expect((await q10(FROM, TO)).rows.length).toBeGreaterThan(10)
  })

  it('says how much it may lack, and asks the time series for who may not lack that', async () => {
    await untilRefreshed()
    const worker = rig.up.running.parts.find(({ name }) => name === 'worker')!
    await worker.fault('freeze')
    try {
      const before = (await q10(FROM, TO)).rows
      const postedAtMs = performance.now()
      const late = { ...statusAt(0), entity_id: 99, value: 'late' }
      await rig.client.post(late)
      await sqlOf(rig, 'SELECT moved FROM stage_flush()')
      await pause(100)
      const sinceMs = performance.now() - postedAtMs
      const viewed = await q10(FROM, TO)
      expect(viewed).toMatchObject({ source: VIEW, level: 'eventual', rows: before })
      expect(viewed.lagMs).toBeGreaterThanOrEqual(sinceMs - 1)
      const critical = await q10(FROM, TO, 'critical')
      expect(critical).toMatchObject({ source: 'postgres.entity_values_ts', level: 'strong' })
      expect(critical.rows).toContainEqual({ attribute: 'status', value: 'late', entities: 1 })
    } finally {
      await worker.fault('thaw')
    }
    await expect
      .poll(async () => (await q10(FROM, TO)).rows, { timeout: 20_000 })
      .toContainEqual({ attribute: 'status', value: 'late', entities: 1 })
  })

  it('is measured by the worker’s probe', async () => {
    const probe = rig.up.running.probes.find(({ name }) => name === 'worker metrics')!
    const samples = new Map(
      (await probe.sample(signal)).map(({ metric, value }) => [metric, value]),
    )
    expect(samples.get('view.ageMs')).toBeGreaterThan(0)
    expect(samples.get('view.refreshMs')).toBeGreaterThan(0)
    expect(samples.get('view.refreshes')).toBeGreaterThan(0)
    expect(samples.get('view.failures')).toBe(0)
  })

  it('is made anew by the audit from what was sent, which finds what it lacks and what it invents', async () => {
    const view = rig.up.running.projections!.find(({ name }) => name === VIEW)!
    expect(rig.up.promises.projections!.map(({ store }) => store)).toContain(VIEW)
    const shown = async () =>
      (await keysOf(view))
        .filter((key) => key.startsWith(tenant_id) && !key.endsWith('/late'))
        .toSorted()
    const due = new Set(writes.flatMap((write) => view.shownBy({ ...write })?.key ?? []))
    expect(await shown()).toEqual([...due].toSorted())
    await sqlOf(
      rig,
      `DELETE FROM entity_values_ts WHERE tenant_id = $1 AND attribute_id = 3 AND value = 'state 1'`,
      [tenant_id],
    )
    const left = await shown()
    expect(left.length).toBeLessThan(due.size)
    expect(left.filter((key) => !due.has(key))).toEqual([])
  })

  it('is not called whole by the audit while nobody refreshes it', async () => {
    const { engine } = rig.up.engines.find(({ role }) => role === 'database')!
    const address = (engine as RunningEngine<'postgres'>).addressFor('harness')
    const database = {
      textRows: (query: string, until: AbortSignal) => copiedTexts(address, query, until),
    }
    const worker = rig.up.running.parts.find(({ name }) => name === 'worker')!
    await worker.fault('freeze')
    try {
      expect(await hourlyView(database, 500).caughtUp?.(signal)).toMatch(
        /entity_values_hourly was not refreshed within 500 ms .* log of the worker/,
      )
    } finally {
      await worker.fault('thaw')
    }
    const view = hourlyView(database, 60_000)
    expect((await keysOf(view)).length).toBeGreaterThan(10)
  })

  it('is part of what is stored: its index is among those of the time series', async () => {
    const { indexes } = await rig.up.running.stores[0]!.size(signal)
    const bytes = indexes!['UNIQUE btree (tenant_id, attribute_id, hour, value, entity_id)']
    expect(bytes).toBeGreaterThan(0)
  })

  it('stands alone: replicas and the view are refused together, in words', async () => {
    const both = { distinctQuery: 'view', readReplicas: true }
    await expect(startRig('eav', { settings: both })).rejects.toThrow(/clock of the primary/)
  })
})
