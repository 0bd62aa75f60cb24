/**
 * Which index serves Q9 and Q10 of eav, over what the sweeps that ask for it load (mission-map C19, C22, G29): the statements as
 * they are asked, in every form.
 */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readIn, type Explained } from '../../reference-impl/service-kit/postgres/ask.ts'
import {
  distinctQuery,
  HOT_FORMS,
  hotQuery,
} from '../../reference-impl/service-kit/eav/statements.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { preload } from '../../src/study/preload.ts'
import { planRun, type RunPlan } from '../../src/study/run-plan.ts'
import { assigned } from '../../src/study/sweep/assign.ts'
import { loadSweep } from '../../src/study/sweep/sweep-file.ts'
import { loadTargets } from '../../src/target/load.ts'
import { SKIPPED, startRig, type Rig } from './architecture-rig.ts'
import { clientOf, sqlOf } from './rig-sql.ts'

const missing = SKIPPED.find(({ id }) => id === 'eav')?.because
const signal = AbortSignal.timeout(170_000)
const BATCH = 100

interface Planned {
  /** As PostgreSQL tells it. */
  readonly text: string
  readonly rowsRead: number
  readonly nodes: readonly string[]
}

interface Filled {
  readonly rig: Rig
  readonly client: pg.Client
  readonly plan: RunPlan
  readonly tenant: string
}

/** The rows of a sweep's scenario, and as many writes as one of its runs sends. */
async function filled(name: string, schemaVariant: string): Promise<Filled> {
  const sweep = loadSweep(name)
  const { scenario, dir } = loadScenario(sweep.scenario)
  const [target] = loadTargets(sweep.targets.join(','))
  const { point, findings } = assigned({ target: target!, scenario }, sweep.set, dir)
  expect(findings).toEqual([])
  const { initialRows } = point.scenario
  const rig = await startRig('eav', { schemaVariant })
  const plan = await planRun(point.scenario, dir, new Date())
  const [store] = rig.up.running.stores
  await preload([store!], { stream: plan.preloadStream, rows: initialRows, signal })
  const buffer = Buffer.alloc(plan.stream.maxEventBytes)
  for (let first = 0; first < 1_600; first += BATCH) {
    const writes = Array.from({ length: BATCH }, (_, at) =>
      buffer.toString('utf8', 0, plan.stream.writeJson(first + at, buffer, 0)),
    )
    expect((await rig.client.post(writes.map((text) => JSON.parse(text) as never))).status).toBe(
      200,
    )
  }
  return { rig, client: await clientOf(rig), plan, tenant: plan.stream.sourceOf(0) }
}

async function planned(
  { client }: Filled,
  text: string,
  values: readonly unknown[],
): Promise<Planned> {
  const explain = `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`
  const { rows } = await client.query<{ 'QUERY PLAN': Explained[] }>(explain, [...values])
  const [explained] = rows[0]!['QUERY PLAN']
  const { rowsRead, plan } = readIn(explained!)
  return { text: JSON.stringify(explained), rowsRead, nodes: plan.nodes }
}

describe.skipIf(missing !== undefined)(
  `Q9 over what eav-hot-query loads (${missing ?? 'here'})`,
  () => {
    let given: Filled
    beforeAll(async () => {
      given = await filled('eav-hot-query', 'default')
    })
    afterAll(async () => {
      await given.client.end()
      await given.rig[Symbol.asyncDispose]()
    })

    it('comes from GIN as containment and jsonpath, and reads a tenth of what ->> reads', async () => {
      const plans = new Map<string, Planned>()
      for (const form of HOT_FORMS) {
        plans.set(form, await planned(given, hotQuery(form), [given.tenant]))
      }
      const tenants = await sqlOf<{ entities: number }>(
        given.rig,
        'SELECT count(*)::int AS entities FROM entity_jsonb WHERE tenant_id = $1',
        [given.tenant],
      )
      for (const form of ['containment', 'jsonpath'] as const) {
        expect(plans.get(form)!.text, form).toContain('idx_hot_gin')
        expect(plans.get(form)!.rowsRead, form).toBeLessThan(tenants[0]!.entities / 10)
        expect(plans.get(form)!.rowsRead, form).toBeGreaterThan(0)
      }
      for (const form of ['seed', 'arrow'] as const) {
        expect(plans.get(form)!.text, form).not.toContain('idx_hot_gin')
        expect(plans.get(form)!.rowsRead, form).toBeGreaterThanOrEqual(tenants[0]!.entities)
      }
    })
  },
)

describe.skipIf(missing !== undefined)(
  `Q10 over what eav-top-attributes loads (${missing ?? 'here'})`,
  () => {
    let given: Filled
    beforeAll(async () => {
      given = await filled('eav-top-attributes', 'top-n')
    })
    afterAll(async () => {
      await given.client.end()
      await given.rig[Symbol.asyncDispose]()
    })

    it('comes from the partial index alone where its attributes are constants, and in no other form', async () => {
      const waiting = async () =>
        (
          await sqlOf<{ rows: number }>(
            given.rig,
            'SELECT count(*)::int AS rows FROM entity_values_ingest',
          )
        )[0]!.rows
      await expect.poll(waiting, { timeout: 20_000 }).toBe(0)
      const partial = await sqlOf<{ name: string }>(
        given.rig,
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'idx_values_top_n'::regclass`,
      )
      const to = new Date(given.plan.eventEpochMs + 60_000).toISOString()
      const from = new Date(given.plan.eventEpochMs - 30 * 86_400_000).toISOString()
      const asked = async (form: Parameters<typeof distinctQuery>[0]) => {
        const { text, nodes } = await planned(given, distinctQuery(form), [given.tenant, from, to])
        return { nodes, isPartial: partial.some(({ name }) => text.includes(`"${name}"`)) }
      }
      const byConstants = await asked('top-n')
      expect(byConstants.isPartial).toBe(true)
      expect(byConstants.nodes).toContain('Index Only Scan')
      for (const form of ['indexed', 'join'] as const) {
        expect((await asked(form)).isPartial, form).toBe(false)
      }
      const answers = await Promise.all(
        (['top-n', 'indexed', 'join'] as const).map((form) =>
          sqlOf(given.rig, distinctQuery(form), [given.tenant, from, to]),
        ),
      )
      expect(answers[0]!.length).toBeGreaterThan(8)
      expect(answers[1]).toEqual(answers[0])
      expect(answers[2]).toEqual(answers[0])
    })
  },
)
