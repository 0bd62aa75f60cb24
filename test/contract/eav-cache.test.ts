/** The cache of eav beside a database that comes back with less than it had (mission-map H13). */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Part } from '../../src/architecture/part.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { ENGINES, startRig, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeWrite, type WriteBody } from './shape-kits.ts'

/** A crash loses what was committed since the last flush of the log, and nothing flushes it for ten seconds. */
const FORGETFUL = {
  settings: {
    synchronous_commit: 'off',
    wal_writer_delay: '10s',
    bgwriter_lru_maxpages: '0',
  },
}
const POOLER = { pooler: { settings: { pool_mode: 'transaction' } } }
const MISSING =
  ENGINES === 'embedded' &&
  findProgram('pgbouncer') === null &&
  process.env['HEADROOM_REQUIRE_ALL'] === undefined

const tenant_id = randomUUID()
const writeOf = (value: string, second: number): WriteBody =>
  makeWrite({
    tenant_id,
    value,
    written_at: new Date(Date.UTC(2026, 1, 1, 0, 0, second)).toISOString(),
  })
const partOf = (rig: Rig, name: string): Part => {
  const parts = [...rig.up.running.parts, ...rig.up.engines.flatMap(({ engine }) => engine.parts)]
  return parts.find((part) => part.name === name)!
}
const entity = async (
  rig: Rig,
): Promise<{ status: number; color: unknown; source: string | null }> => {
  const answer = await rig.client.get(
    '/v1/entities/{tenant_id}/{entity_id}',
    `/v1/entities/${tenant_id}/42`,
  )
  const shown = answer.body['entity'] as { hot_attrs: { color: unknown } } | undefined
  const source = answer.headers.get('x-data-source')
  return { status: answer.status, color: shown?.hot_attrs.color, source }
}
const colorHeld = async (rig: Rig): Promise<unknown> => {
  const [row] = await sqlOf<{ color: string }>(
    rig,
    `SELECT hot_attrs ->> 'color' AS color FROM entity_jsonb WHERE tenant_id = $1`,
    [tenant_id],
  )
  return row?.color
}
const write = async (rig: Rig, body: WriteBody): Promise<void> => {
  expect((await rig.client.post(body)).body).toMatchObject({ accepted: 1 })
}

/** Acknowledged, shown by the cache, and then lost with the database while the service has nothing to do. */
async function loseTwo(rig: Rig): Promise<void> {
  await write(rig, writeOf('kept', 1))
  await sqlOf(rig, 'CHECKPOINT')
  await write(rig, writeOf('lost', 2))
  await write(rig, writeOf('lost too', 3))
  expect(await entity(rig)).toMatchObject({ color: 'lost too', source: 'redis.entity_cache' })
  await partOf(rig, 'postgres').fault('kill')
  await partOf(rig, 'postgres').fault('restart')
  expect(await colorHeld(rig)).toBe('kept')
}

async function expectWhatIsThere(rig: Rig): Promise<void> {
  await expect.poll(async () => (await entity(rig)).status, { timeout: 20_000 }).toBe(200)
  expect(await entity(rig)).toMatchObject({ color: 'kept' })
  // Its revision is below the lost ones, and it is read from the cache all the same.
  const newer = writeOf('newer', 4)
  await expect
    .poll(async () => (await rig.client.post(newer)).status, { timeout: 20_000 })
    .toBe(200)
  expect(await entity(rig)).toMatchObject({ color: 'newer' })
  await expect
    .poll(async () => (await rig.client.metrics()).get('headroom_cache_up'), { timeout: 20_000 })
    .toBe(1)
  await write(rig, writeOf('newest', 5))
  expect(await entity(rig)).toMatchObject({ color: 'newest', source: 'redis.entity_cache' })
}

describe('a database that comes back without what it had acknowledged', () => {
  it('is never answered for by the cache: crashed while the service is idle', async () => {
    await using rig = await startRig('eav', {
      settings: { flushMs: 60_000 },
      engines: { database: FORGETFUL },
    })
    await loseTwo(rig)
    await expectWhatIsThere(rig)
  })

  it.skipIf(MISSING)('nor behind a pooler, whose connections outlive the crash', async () => {
    await using rig = await startRig('eav', {
      settings: { flushMs: 60_000 },
      engines: { database: { ...FORGETFUL, ...POOLER } },
    })
    await loseTwo(rig)
    await expectWhatIsThere(rig)
  })

  it('is not answered for while it is away either: nobody knows yet what it will have', async () => {
    await using rig = await startRig('eav')
    await write(rig, writeOf('kept', 1))
    expect(await entity(rig)).toMatchObject({ source: 'redis.entity_cache' })
    await partOf(rig, 'postgres').fault('kill')
    await expect
      .poll(async () => (await rig.client.metrics()).get('headroom_cache_up'), { timeout: 20_000 })
      .toBe(0)
    expect((await entity(rig)).status).toBe(503)
    await partOf(rig, 'postgres').fault('restart')
    await expectWhatIsThere(rig)
  })

  it('keeps its cache where it stays: one broken connection costs it once', async () => {
    await using rig = await startRig('eav')
    await write(rig, writeOf('kept', 1))
    await sqlOf(
      rig,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'headroom eav%' AND pid <> pg_backend_pid()`,
    )
    await expectWhatIsThere(rig)
  })
})
