import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hotProjection } from '../../reference-impl/service-kit/eav/projection.ts'
import type { StorePromise } from '../../src/architecture/architecture.ts'
import type { Projection, Shown } from '../../src/architecture/projection.ts'
import { IndexBits } from '../../src/audit/index-bits.ts'
import { auditProjection, type ProjectionAuditOptions } from '../../src/audit/projection-audit.ts'
import { ProjectionAudit } from '../../src/results/audit-record.ts'
import { ReadCancelled } from '../../src/kit/cancelled-read.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { generateStream } from '../../src/shapes/eav/generated.ts'
import { PRELOAD_BASE_INDEX } from '../../src/shapes/stream.ts'
import { cancelledFirst } from './cancelled-rows.ts'

const EVENTS = 400
const PRELOADED = 50
const stream = generateStream(
  {
    source: 'generated',
    shape: 'eav',
    seed: 5,
    // Few keys, so that most of them are written again and again.
    events: EventPopulation.parse({ organizations: 2, customers: 4, codes: 5 }),
    shapeSettings: { criticalRatio: 0.6 },
  },
  (index) => (index % 97) * 1_000,
)
const PROMISE: StorePromise = {
  store: 'postgres.entity_jsonb',
  survives: 'power-loss',
  delivery: 'exactly-once',
  readAfterAck: 'at-once',
  duplicates: 'one-row',
}
const { shownBy } = hotProjection({
  textRows: () => {
    throw new Error('nothing is read here')
  },
})

function shownOf(index: number): Shown | null {
  const bytes = Buffer.alloc(stream.maxEventBytes)
  const end = stream.writeJson(index, bytes, 0)
  return shownBy(JSON.parse(bytes.toString('utf8', 0, end)) as Record<string, unknown>)
}

/** By sorting: what the latest write of each key shows. */
function latestOf(indexes: readonly number[]): Map<string, Shown> {
  const writes = indexes.map(shownOf).filter((write) => write !== null)
  writes.sort((a, b) => (a.version < b.version ? -1 : 1))
  return new Map(writes.map((write) => [write.key, write]))
}

const preloaded = Array.from({ length: PRELOADED }, (_, row) => PRELOAD_BASE_INDEX + row)
const setOf = (indexes: readonly number[]): IndexBits => {
  const bits = new IndexBits(EVENTS)
  for (const index of indexes) bits.add(index)
  return bits
}

interface Sent {
  readonly acknowledged: readonly number[]
  readonly unknown?: readonly number[]
}

async function audited(
  rows: readonly Shown[],
  { acknowledged, unknown = [] }: Sent,
  more: Partial<ProjectionAuditOptions> = {},
): Promise<ProjectionAudit> {
  const projection: Projection = {
    name: PROMISE.store,
    engine: 'postgres',
    shownBy,
    rows: async function* () {
      await Promise.resolve()
      yield rows.slice(0, 3)
      yield rows.slice(3)
    },
  }
  const audit = await auditProjection({
    projection,
    stream,
    sent: {
      events: EVENTS,
      acknowledged: setOf(acknowledged),
      unknown: setOf(unknown),
      refused: new IndexBits(EVENTS),
      repeated: new IndexBits(EVENTS),
    },
    preloadedRows: PRELOADED,
    promise: PROMISE,
    signal: AbortSignal.timeout(60_000),
    ...more,
  })
  expect(ProjectionAudit.parse(audit)).toEqual(audit)
  return audit
}

async function* emptyRows(): AsyncGenerator<readonly Shown[]> {
  yield []
}

const all = Array.from({ length: EVENTS }, (_, index) => index)
const whole = { missingKeys: 0, behindKeys: 0, wrongKeys: 0, foreignKeys: 0, verdict: 'whole' }

describe('the audit of a projection', () => {
  it('finds it whole where every key shows the latest of its acknowledged and preloaded writes', async () => {
    const rows = [...latestOf([...all, ...preloaded]).values()]
    expect(rows.length).toBeGreaterThan(10)
    expect(await audited(rows, { acknowledged: all })).toMatchObject({
      ...whole,
      dueKeys: rows.length,
      shownKeys: rows.length,
      mismatches: [],
    })
  })

  it('finds the same where the server cancels its readings and they begin again', async () => {
    const [missing, behind, ...rows] = latestOf([...all, ...preloaded]).values()
    const shown = [...rows, { ...behind!, version: 'a', value: '1' }]
    const projection: Projection = {
      name: PROMISE.store,
      engine: 'postgres',
      shownBy,
      caughtUp: () => Promise.resolve(null),
      rows: async function* () {
        await Promise.resolve()
        yield shown
      },
    }
    let looks = 0
    const disturbed: Projection = {
      ...projection,
      caughtUp: () =>
        looks++ === 0
          ? Promise.reject(new ReadCancelled('cancelled by replay', 'ask again', null))
          : Promise.resolve(null),
      rows: cancelledFirst(2, () => projection.rows(new AbortController().signal)),
    }
    const sent = { acknowledged: all }
    // In several parts, each of which reads everything.
    const keysMax = Math.ceil(rows.length / 3)
    const undisturbed = await audited([], sent, { projection, keysMax, listLimit: 1 })
    expect(undisturbed).toMatchObject({ missingKeys: 1, dueKeys: rows.length + 2 })
    expect(undisturbed.shownKeys).toBe(shown.length)
    expect(undisturbed.mismatches).toHaveLength(1)
    expect(missing).toBeDefined()
    const found = await audited([], sent, { projection: disturbed, keysMax, listLimit: 1 })
    expect(found).toEqual(undisturbed)
    expect(looks).toBe(2)
  })

  it('calls it broken, and compares nothing, where it never caught up', async () => {
    const late: Projection = {
      name: PROMISE.store,
      engine: 'postgres',
      shownBy,
      caughtUp: () => Promise.resolve('nobody refreshed it'),
      rows: () => {
        throw new Error('nothing is read here')
      },
    }
    const audit = await audited([], { acknowledged: all }, { projection: late })
    expect(audit).toMatchObject({
      verdict: 'broken',
      because: 'nobody refreshed it.',
      shownKeys: 0,
    })
    const inTime = { ...late, caughtUp: () => Promise.resolve(null), rows: emptyRows }
    const compared = await audited([], { acknowledged: all }, { projection: inTime })
    expect(compared.missingKeys).toBeGreaterThan(10)
  })

  it('takes an unanswered write either way, and a refused one never', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('acknowledged', 'stored', 'not-stored'), {
          minLength: EVENTS,
          maxLength: EVENTS,
        }),
        async (fates) => {
          const acknowledged = all.filter((index) => fates[index] === 'acknowledged')
          const unknown = all.filter((index) => fates[index] !== 'acknowledged')
          const stored = all.filter((index) => fates[index] !== 'not-stored')
          const rows = [...latestOf([...stored, ...preloaded]).values()]
          expect(await audited(rows, { acknowledged, unknown })).toMatchObject(whole)
          const due = latestOf([...acknowledged, ...preloaded])
          const later = rows.filter(({ key, version }) => due.get(key)?.version !== version)
          const refused = await audited(rows, { acknowledged })
          expect(refused.foreignKeys).toBe(later.length)
          expect(refused.verdict).toBe(later.length === 0 ? 'whole' : 'broken')
        },
      ),
      { numRuns: 30 },
    )
  })

  it('counts keys of which a write without an answer is only shown, or only stored beside it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('acknowledged', 'both', 'shown', 'stored', 'neither'), {
          minLength: EVENTS,
          maxLength: EVENTS,
        }),
        fc.constantFrom(3, 1_000),
        async (fates, keysMax) => {
          const of = (...kinds: readonly string[]): readonly number[] =>
            all.filter((index) => kinds.includes(fates[index] ?? ''))
          const rows = [
            ...latestOf([...of('acknowledged', 'both', 'shown'), ...preloaded]).values(),
          ]
          const shown = new Map(rows.map((row) => [row.key, row.version]))
          const onlyShown = of('shown').map(shownOf)
          const onlyStored = of('both', 'stored').map(shownOf)
          const keys = new Set(
            [
              ...onlyShown.filter((write) => write?.version === shown.get(write?.key ?? '')),
              ...onlyStored.filter(
                (write) => (write?.version ?? '') > (shown.get(write?.key ?? '') ?? ''),
              ),
            ].flatMap((write) => write?.key ?? []),
          )
          const sent = {
            acknowledged: of('acknowledged'),
            unknown: of('both', 'shown', 'stored', 'neither'),
          }
          const storedBeside = setOf(of('acknowledged', 'both', 'stored'))
          const audit = await audited(rows, sent, { storedBeside, keysMax })
          // Nobody was told anything: no promise is broken.
          expect(audit).toMatchObject({ ...whole, halfKeys: keys.size })
          expect(audit.mismatches).toHaveLength(keys.size)
        },
      ),
      { numRuns: 20 },
    )
  })

  const due = latestOf([...all, ...preloaded])
  const [first, ...others] = [...due.values()] as [Shown, ...Shown[]]
  const older = all
    .map(shownOf)
    .find((write) => write?.key === first.key && write.version !== first.version)
  it.each<[string, keyof ProjectionAudit, readonly Shown[]]>([
    ['is not shown', 'missingKeys', []],
    ['shows an older write', 'behindKeys', [older!]],
    ['shows another value', 'wrongKeys', [{ ...first, value: '"another"' }]],
    ['shows a write that nobody sent', 'foreignKeys', [{ ...first, version: '2999' }]],
  ])('fails, by id, where one key %s', async (_what, count, broken) => {
    const audit = await audited([...others, ...broken], { acknowledged: all })
    expect(audit).toMatchObject({ ...whole, [count]: 1, verdict: 'broken' })
    expect(audit.mismatches).toHaveLength(1)
    expect(audit.mismatches[0]).toContain(first.key)
  })

  it('allows what a fault worse than the promise explains, and never another value', async () => {
    const met = { worstFault: 'node-loss' } as const
    expect(await audited(others, { acknowledged: all }, met)).toMatchObject({
      missingKeys: 1,
      verdict: 'as-promised',
    })
    const wrong = [...others, { ...first, value: '"another"' }]
    expect(await audited(wrong, { acknowledged: all }, met)).toMatchObject({ verdict: 'broken' })
  })

  it('counts what a fault took back, excuses it, and nothing else, in one part or many', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('due', 'kept', 'taken', 'lost'), {
          minLength: EVENTS,
          maxLength: EVENTS,
        }),
        fc.constantFrom(3, 1_000),
        async (fates, keysMax) => {
          const of = (...kinds: readonly string[]) =>
            all.filter((index) => kinds.includes(fates[index] ?? ''))
          // `lost` is due and not stored; `taken` is excused and not stored.
          const rows = [...latestOf([...of('due', 'kept'), ...preloaded]).values()]
          const shown = new Map(rows.map((row) => [row.key, row]))
          const must = latestOf([...of('due', 'lost'), ...preloaded])
          const acked = latestOf([...all, ...preloaded])
          const later = (key: string, than: ReadonlyMap<string, Shown>): boolean =>
            (than.get(key)?.version ?? '') > (shown.get(key)?.version ?? '')
          const late = [...acked.keys()].filter((key) => later(key, acked))
          const unexcused = late.filter((key) => later(key, must))
          const audit = await audited(
            rows,
            { acknowledged: of('due', 'lost') },
            { excused: setOf(of('kept', 'taken')), keysMax, worstFault: 'node-loss' },
          )
          expect(audit.missingKeys + audit.behindKeys).toBe(late.length)
          expect(audit.excusedKeys).toBe(late.length - unexcused.length)
          expect([audit.wrongKeys, audit.foreignKeys]).toEqual([0, 0])
          const allowed = late.length === 0 ? 'whole' : 'as-promised'
          expect(audit.verdict).toBe(unexcused.length > 0 ? 'broken' : allowed)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('finds the same whether all keys fit into memory or few do', async () => {
    const rows = [...others.slice(1), { ...others[0]!, value: '0' }, { ...first, key: 'nobody' }]
    const at = async (keysMax: number) => {
      const audit = await audited(rows, { acknowledged: all }, { keysMax })
      return { ...audit, mismatches: audit.mismatches.toSorted() }
    }
    const once = await at(1_000)
    expect(once).toMatchObject({ missingKeys: 1, wrongKeys: 1, foreignKeys: 1 })
    expect(await at(3)).toEqual(once)
  })
})
