/** The hot projection as a run's audit looks at it: made anew from acknowledged writes and compared with the table, by id. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditRun } from '../../src/audit/audit.ts'
import type { OutcomeReader } from '../../src/audit/outcomes.ts'
import { OUTCOME_CODES } from '../../src/drive/job.ts'
import type { Audit } from '../../src/results/audit-record.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { generateStream } from '../../src/shapes/eav/generated.ts'
import { preload } from '../../src/study/preload.ts'
import { SKIPPED, startRig, untilReadable, type Rig } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import type { WriteBody } from './shape-kits.ts'

const EVENTS = 300
const PRELOADED = 100
const stream = generateStream(
  {
    source: 'generated',
    shape: 'eav',
    seed: 3,
    events: EventPopulation.parse({
      organizations: 2,
      customers: 6,
      codes: 6,
      duplicateRatio: 0.1,
      payloadBytes: 400,
    }),
    shapeSettings: { criticalRatio: 0.5 },
  },
  (index) => Date.UTC(2026, 1, 25) + (index % 211) * 1_000,
)

const outcomes: OutcomeReader = {
  events: EVENTS,
  blocks: async function* () {
    await Promise.resolve()
    const codes = new Uint8Array(EVENTS).fill(OUTCOME_CODES.accepted)
    yield { firstIndex: 0, outcomes: codes, ackUnits: new Uint32Array(EVENTS) }
  },
}

function writeAt(index: number): WriteBody {
  const bytes = Buffer.alloc(stream.maxEventBytes)
  return JSON.parse(bytes.toString('utf8', 0, stream.writeJson(index, bytes, 0))) as WriteBody
}

const missing = SKIPPED.find(({ id }) => id === 'eav')?.because

describe.skipIf(missing !== undefined)(`the projection of eav (${missing ?? 'here'})`, () => {
  let rig: Rig
  const audited = async (): Promise<Audit> =>
    await auditRun({
      stores: rig.up.running.stores,
      projections: rig.up.running.projections!,
      promises: [...rig.up.promises.stores, ...rig.up.promises.projections!],
      stream,
      outcomes,
      preloadedRows: PRELOADED,
      signal: AbortSignal.timeout(60_000),
    })

  beforeAll(async () => {
    rig = await startRig('eav')
    const { stores } = rig.up.running
    await preload(stores, { stream, rows: PRELOADED, signal: AbortSignal.timeout(60_000) })
    const writes = Array.from({ length: EVENTS }, (_, index) => writeAt(index))
    const bodies = Array.from({ length: EVENTS / 10 }, (_, body) =>
      writes.slice(body * 10, body * 10 + 10),
    )
    await Promise.all(bodies.map((body) => rig.client.post(body)))
    const distinct = new Set(writes.map(({ write_id }) => write_id)).size
    await untilReadable(stores[0]!, PRELOADED + distinct)
  })
  afterAll(async () => {
    await rig[Symbol.asyncDispose]()
  })

  it('shows what acknowledged and preloaded writes say it must, and passes', async () => {
    const audit = await audited()
    expect(audit.passed).toBe(true)
    expect(audit.projections).toEqual([
      expect.objectContaining({
        projection: 'postgres.entity_jsonb',
        verdict: 'whole',
        mismatches: [],
      }),
    ])
    const { dueKeys, shownKeys } = audit.projections![0]!
    expect(shownKeys).toBe(dueKeys)
    expect(dueKeys).toBeGreaterThan(10)
  })

  const ONE = `(SELECT ctid FROM entity_jsonb ORDER BY tenant_id, entity_id LIMIT 1)`
  const KEY = `(SELECT min(k) FROM jsonb_object_keys(hot_attrs) AS k)`
  it.each([
    [
      'shows another value',
      'wrongKeys',
      `hot_attrs = hot_attrs || jsonb_build_object(${KEY}, 'x')`,
    ],
    ['lacks its attribute', 'behindKeys', `hot_versions = hot_versions - ${KEY}`],
    [
      'shows a write of nobody',
      'foreignKeys',
      `hot_versions = hot_versions || jsonb_build_object(${KEY}, '2999-01-01/nobody')`,
    ],
  ] as const)('fails a run by id where one row %s', async (_what, count, broken) => {
    await sqlOf(rig, 'CREATE TABLE kept AS TABLE entity_jsonb')
    try {
      const [row] = await sqlOf<{ key: string }>(
        rig,
        `UPDATE entity_jsonb SET ${broken} WHERE ctid = ${ONE} RETURNING tenant_id || '/' || entity_id || '/' || ${KEY} AS key`,
      )
      const audit = await audited()
      expect(audit.passed).toBe(false)
      expect(audit.stores.map(({ verdict }) => verdict)).toEqual(['whole'])
      expect(audit.projections).toMatchObject([{ [count]: 1, verdict: 'broken' }])
      expect(audit.projections![0]!.mismatches).toEqual([expect.stringContaining(row!.key)])
    } finally {
      await sqlOf(rig, 'TRUNCATE entity_jsonb')
      await sqlOf(rig, 'INSERT INTO entity_jsonb TABLE kept')
      await sqlOf(rig, 'DROP TABLE kept')
    }
  })

  it('fails a run where a row is gone', async () => {
    await sqlOf(rig, `DELETE FROM entity_jsonb WHERE ctid = ${ONE}`)
    const audit = await audited()
    expect(audit.passed).toBe(false)
    const [projection] = audit.projections!
    expect(projection!.missingKeys).toBe(projection!.dueKeys - projection!.shownKeys)
    expect(projection!.missingKeys).toBeGreaterThan(0)
  })
})
