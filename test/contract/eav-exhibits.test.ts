/** The documents' own forms that fail, and the fixed ones beside them (mission-map 2.10, 2.13, G29, G30). */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statementsOf } from '../../reference-impl/service-kit/schema-script.ts'
import { HOT_FORMS, hotQuery } from '../../reference-impl/service-kit/eav/statements.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { startRig, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeWrite } from './shape-kits.ts'

const script = readFileSync(join(packageRoot, 'reference-impl/eav/exhibits.sql'), 'utf8')
const exhibit = (name: string): string => {
  const [statement] = statementsOf(script, name)
  if (statement === undefined) throw new Error(`no exhibit ${name}`)
  return statement
}
const TENANT = '00000000-0000-4000-8000-000000000001'

describe('the documents’ EAV statements', () => {
  let rig: Rig
  beforeAll(async () => {
    // Staged rows stay staged: who flushes is the test.
    rig = await startRig('eav', { settings: { flushMs: 60_000 } })
    const writes = ['red', 'blue', 'red'].flatMap((color, at) => [
      makeWrite({ tenant_id: TENANT, entity_id: at, attribute: 'color', value: color }),
      makeWrite({ tenant_id: TENANT, entity_id: at, attribute: 'size', value: 90.5 + at * 20 }),
    ])
    expect((await rig.client.post(writes)).body.accepted).toBe(6)
    // So that a plan is chosen for what it is good at: with this few rows a table is always read whole.
    await sqlOf(
      rig,
      `INSERT INTO entity_jsonb (tenant_id, entity_id, hot_attrs, hot_versions)
       SELECT gen_random_uuid(), n, jsonb_build_object('color', 'c' || n % 1000, 'size', n), '{}'
         FROM generate_series(1, 20000) n`,
    )
    await sqlOf(rig, 'VACUUM ANALYZE entity_jsonb')
  })
  afterAll(async () => {
    await rig[Symbol.asyncDispose]()
  })

  it('cannot upsert with the plain index they list, and can with a unique one', async () => {
    await sqlOf(
      rig,
      'CREATE TABLE exhibit_jsonb (tenant_id uuid, entity_id bigint, hot_attrs jsonb)',
    )
    await sqlOf(rig, exhibit('plain-index'))
    await expect(sqlOf(rig, exhibit('upsert'))).rejects.toMatchObject({ code: '42P10' })
    await sqlOf(rig, 'CREATE UNIQUE INDEX ON exhibit_jsonb (tenant_id, entity_id)')
    await sqlOf(rig, exhibit('upsert'))
    expect(await sqlOf(rig, 'SELECT entity_id::int FROM exhibit_jsonb')).toEqual([{ entity_id: 1 }])
  })

  it('fail on the first value that is no integer; the guarded comparison does not', async () => {
    await expect(sqlOf(rig, exhibit('hot-read'))).rejects.toMatchObject({ code: '22P02' })
    await rig.client.post(
      makeWrite({ tenant_id: TENANT, entity_id: 8, attribute: 'size', value: 'XL' }),
    )
    await rig.client.post(
      makeWrite({ tenant_id: TENANT, entity_id: 8, attribute: 'color', value: 'red' }),
    )
    await expect(sqlOf(rig, hotQuery('seed'), [TENANT])).rejects.toMatchObject({ code: '22P02' })
    for (const form of HOT_FORMS.filter((one) => one !== 'seed')) {
      const rows = await sqlOf<{ entity_id: number }>(rig, hotQuery(form), [TENANT])
      expect(rows.map(({ entity_id }) => entity_id)).toEqual([2])
    }
  })

  it('do not use GIN(hot_attrs) through ->>; containment and jsonpath do', async () => {
    // The unique index knows the tenant; without it only the attributes are left to search by.
    const planOf = async (form: (typeof HOT_FORMS)[number]): Promise<string> => {
      const text = hotQuery(form)
        .replace('tenant_id = $1::uuid AND', '')
        .replace(/'red'|"red"/g, (red) => red.replace('red', 'c77'))
      return JSON.stringify(await sqlOf(rig, `EXPLAIN ${text}`))
    }
    expect(await planOf('arrow')).not.toContain('idx_hot_gin')
    expect(await planOf('containment')).toContain('idx_hot_gin')
    expect(await planOf('jsonpath')).toContain('idx_hot_gin')
  })

  it('leave no update of the projection HOT with GIN on it', async () => {
    const write = () =>
      makeWrite({
        tenant_id: TENANT,
        entity_id: 3,
        attribute: 'status',
        value: randomUUID(),
        written_at: new Date().toISOString(),
      })
    const updates = async () => {
      await sqlOf(rig, 'SELECT pg_stat_clear_snapshot()')
      const [row] = await sqlOf<{ all: number; hot: number }>(
        rig,
        `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'entity_jsonb'`,
      )
      return row!
    }
    const before = await updates()
    for (let round = 0; round < 30; round++) await rig.client.post(write())
    await expect
      .poll(async () => (await updates()).all, { timeout: 15_000 })
      .toBeGreaterThanOrEqual(before.all + 29)
    expect((await updates()).hot).toBe(before.hot)
  })

  it('lose a row that is committed between the two statements of a naive flush; one statement does not', async () => {
    const lostBy = async (flush: 'stage_flush_naive' | 'stage_flush'): Promise<number> => {
      await sqlOf(rig, 'SELECT ensure_partitions()')
      await sqlOf(rig, 'SELECT moved FROM stage_flush()')
      const tenant_id = randomUUID()
      // The first statement is held up where it takes numbers for its rows, and a row is committed meanwhile.
      await sqlOf(
        rig,
        `CREATE FUNCTION slow_id() RETURNS bigint LANGUAGE sql AS
           $$ SELECT nextval('entity_values_id') FROM pg_sleep(0.5) $$`,
      )
      await sqlOf(rig, 'ALTER TABLE entity_values_ts ALTER id SET DEFAULT slow_id()')
      await rig.client.post(makeWrite({ tenant_id }))
      const flushing = sqlOf(rig, `SELECT moved FROM ${flush}()`)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await rig.client.post(makeWrite({ tenant_id }))
      await flushing
      await sqlOf(
        rig,
        `ALTER TABLE entity_values_ts ALTER id SET DEFAULT nextval('entity_values_id')`,
      )
      await sqlOf(rig, 'DROP FUNCTION slow_id()')
      await sqlOf(rig, 'SELECT moved FROM stage_flush()')
      const [row] = await sqlOf<{ stored: number }>(
        rig,
        'SELECT count(*)::int AS stored FROM entity_values_ts WHERE tenant_id = $1',
        [tenant_id],
      )
      return 2 - row!.stored
    }
    expect(await lostBy('stage_flush_naive')).toBe(1)
    expect(await lostBy('stage_flush')).toBe(0)
  })
})
