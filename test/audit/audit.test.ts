import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StorePromise } from '../../src/architecture/architecture.ts'
import { auditRun } from '../../src/audit/audit.ts'
import type { OutcomeReader } from '../../src/audit/outcomes.ts'
import type { WorstFault } from '../../src/audit/promise.ts'
import { promisedAgainst } from '../../src/audit/promise.ts'
import type { Restore } from '../../src/audit/restores.ts'
import type { Store } from '../../src/engines/engine.ts'
import { ACK_UNIT_US, OUTCOME_CODES } from '../../src/drive/job.ts'
import { Audit } from '../../src/results/audit-record.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { generateStream } from '../../src/shapes/billing/generated.ts'
import { PRELOAD_BASE_INDEX, type EventStream } from '../../src/shapes/stream.ts'
import { cancelledFirst } from './cancelled-rows.ts'
import { MemoryStore, type MemoryRow } from './memory-store.ts'

const EVENTS = 300
const PRELOADED = 20

const PROMISE: StorePromise = {
  store: 'postgres.events',
  survives: 'process-kill',
  delivery: 'exactly-once',
  readAfterAck: 'at-once',
  duplicates: 'one-row',
}

function streamOf(duplicateRatio: number, seed = 11): EventStream {
  const events = EventPopulation.parse({ duplicateRatio, organizations: 5 })
  return generateStream({ source: 'generated', shape: 'billing', seed, events }, (index) => index)
}

function outcomesOf(codes: readonly number[], ackMs: readonly number[] = []): OutcomeReader {
  return {
    events: codes.length,
    blocks: async function* () {
      for (let firstIndex = 0; firstIndex < codes.length; firstIndex += 64) {
        await Promise.resolve()
        const outcomes = Uint8Array.from(codes.slice(firstIndex, firstIndex + 64))
        const ackUnits = Uint32Array.from(
          outcomes,
          (_, at) => ((ackMs[firstIndex + at] ?? 0) * 1_000) / ACK_UNIT_US,
        )
        yield { firstIndex, outcomes, ackUnits }
      }
    },
  }
}

function rowOf(stream: EventStream, index: number): MemoryRow {
  return { source: stream.sourceOf(index), id: stream.idOf(index), value: stream.valueAt(index) }
}

const preloadOf = (stream: EventStream): MemoryRow[] =>
  Array.from({ length: PRELOADED }, (_, row) => rowOf(stream, PRELOAD_BASE_INDEX + row))

const keyOf = ({ source, id }: MemoryRow): string => `${source}/${id}`

interface Input {
  readonly stream: EventStream
  readonly codes: readonly number[]
  readonly raw: readonly MemoryRow[]
  readonly view?: readonly MemoryRow[]
  readonly promise?: Partial<StorePromise>
  readonly worstFault?: WorstFault
  /** When each event was acknowledged; absent: at the run's begin. */
  readonly ackMs?: readonly number[]
  readonly restores?: readonly Restore[]
}

async function auditOf({ stream, codes, raw, view, promise, worstFault, ...more }: Input) {
  const audit = await auditRun({
    stores: [new MemoryStore(PROMISE.store, raw, view)],
    promises: [{ ...PROMISE, ...promise }],
    stream,
    outcomes: outcomesOf(codes, more.ackMs),
    preloadedRows: PRELOADED,
    signal: AbortSignal.timeout(60_000),
    ...(more.restores === undefined ? {} : { restores: new Map([[PROMISE.store, more.restores]]) }),
    ...(worstFault === undefined ? {} : { worstFault }),
  })
  expect(Audit.parse(audit)).toEqual(audit)
  const [store] = audit.stores
  return { ...audit, store: store! }
}

const outcome = fc.constantFrom(...Object.values(OUTCOME_CODES))
const fate = fc.constantFrom(
  'stored',
  'stored',
  'stored',
  'lost',
  'twice',
  'unreadable',
  'diverged',
)

describe('the audit of one store', () => {
  it('finds every lost, duplicated, diverged and foreign id that a set-based oracle finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 0.3),
        fc.array(outcome, { minLength: EVENTS, maxLength: EVENTS }),
        fc.array(fate, { minLength: EVENTS, maxLength: EVENTS }),
        fc.nat(5),
        async (duplicateRatio, codes, fates, strangers) => {
          const stream = streamOf(duplicateRatio)
          const other = streamOf(0, 99)
          const raw: MemoryRow[] = []
          const view: MemoryRow[] = []
          for (let index = 0; index < EVENTS; index++) {
            if (stream.canonicalOf(index) !== index) continue
            const row = rowOf(stream, index)
            const stored = fates[index] === 'diverged' ? { ...row, value: row.value + 1 } : row
            if (fates[index] === 'lost') continue
            raw.push(stored, ...(fates[index] === 'twice' ? [stored] : []))
            if (fates[index] !== 'unreadable') view.push(stored)
          }
          for (let index = 0; index < strangers; index++) raw.push(rowOf(other, index))

          const { store } = await auditOf({
            stream,
            codes,
            raw: [...raw, ...preloadOf(stream)],
            view: [...view, ...preloadOf(stream)],
          })

          const expected = oracle({ stream, codes, raw, view })
          expect(store.acceptedEvents).toBe(expected.accepted.size)
          expect(store.unknownEvents).toBe(expected.unknown.size)
          expect(store.lostEvents).toBe(expected.lost.size)
          expect(new Set(store.lost.map((name) => name.split(' ')[0]))).toEqual(expected.lost)
          expect(new Set(store.duplicated)).toEqual(expected.repeated)
          expect(new Set(store.diverged)).toEqual(expected.diverged)
          expect(store.divergedEvents).toBe(expected.diverged.size)
          expect(new Set(store.foreign.map((name) => name.split(' ')[0]))).toEqual(expected.foreign)
          expect(store.storedRows).toBe(raw.length)
          expect(store.readableEvents).toBe(new Set(view.map(keyOf)).size)
          expect(store.preloadedRowsFound).toBe(PRELOADED)
          const { lost, repeated, diverged, foreign } = expected
          const faults = lost.size + repeated.size + diverged.size + foreign.size
          expect(store.verdict).toBe(faults === 0 ? 'whole' : 'broken')
        },
      ),
      { numRuns: 60 },
    )
  })

  it('counts every row once where the server cancels a reading and it begins again', async () => {
    const stream = streamOf(0)
    const rows = Array.from({ length: EVENTS - 1 }, (_, index) => rowOf(stream, index))
    const store = new MemoryStore(PROMISE.store, [...rows, ...preloadOf(stream), rows[5]!])
    const codes = new Array<number>(EVENTS).fill(OUTCOME_CODES.accepted)
    const auditWith = (stores: readonly [Pick<Store, 'name' | 'rows' | 'readable' | 'totals'>]) =>
      auditRun({
        stores,
        promises: [PROMISE],
        stream,
        outcomes: outcomesOf(codes),
        preloadedRows: PRELOADED,
        signal: AbortSignal.timeout(60_000),
      })
    const undisturbed = await auditWith([store])
    expect(undisturbed.stores[0]).toMatchObject({ lostEvents: 1, duplicatedRows: 1 })
    const disturbed = await auditWith([
      {
        name: store.name,
        rows: cancelledFirst(2, () => store.rows()),
        readable: cancelledFirst(1, () => store.readable()),
        totals: () => store.totals(),
      },
    ])
    expect(disturbed).toEqual(undisturbed)
  })

  it('sums values exactly, over acknowledged events and the unanswered ones that are stored', async () => {
    const stream = streamOf(0.2)
    const codes = Array.from({ length: EVENTS }, (_, index) =>
      index % 3 === 0 ? OUTCOME_CODES.unknown : OUTCOME_CODES.accepted,
    )
    const originals = [...codes.keys()].filter((index) => stream.canonicalOf(index) === index)
    const acknowledged = new Set(
      [...codes.keys()].filter((i) => i % 3 !== 0).map((i) => stream.canonicalOf(i)),
    )
    const stored = originals.filter((index) => acknowledged.has(index) || index % 2 === 0)
    const naive = stored.reduce((sum, index) => sum + BigInt(stream.value64Of(index)), 0n)
    const raw = [...stored.map((index) => rowOf(stream, index)), ...preloadOf(stream)]
    const { store, passed } = await auditOf({ stream, codes, raw })
    expect(store.value64SumExpected).toBe(naive.toString())
    expect(store.value64SumStored).toBe(naive.toString())
    expect(passed).toBe(true)
  })

  it('takes an answer of duplicate for a promise that the event is stored', async () => {
    const stream = streamOf(0)
    const codes = [OUTCOME_CODES.duplicate, OUTCOME_CODES.accepted]
    const raw = [rowOf(stream, 1), ...preloadOf(stream)]
    const { store } = await auditOf({ stream, codes, raw })
    expect(store).toMatchObject({ verdict: 'broken', lost: [keyOf(rowOf(stream, 0))] })
  })

  it('says why a stored row is foreign', async () => {
    const stream = streamOf(0)
    const codes = [OUTCOME_CODES.shed, OUTCOME_CODES.dropped, OUTCOME_CODES.rejected]
    const raw = [0, 1, 2, 3].map((index) => rowOf(stream, index))
    const stranger = rowOf(streamOf(0, 5), 0)
    const beyond = rowOf(stream, PRELOAD_BASE_INDEX + PRELOADED)
    const { store } = await auditOf({
      stream,
      codes,
      raw: [...raw, stranger, beyond, ...preloadOf(stream)],
    })
    expect(store.foreignRows).toBe(6)
    expect(store.foreign.map((name) => name.replace(/^\S+ /, ''))).toEqual([
      '(was refused and is stored)',
      '(was never sent)',
      '(was refused and is stored)',
      '(was never due)',
      '(no event of this run)',
      '(was never due)',
    ])
  })

  it('misses preloaded rows and sees a value that was lost', async () => {
    const stream = streamOf(0)
    const codes = [OUTCOME_CODES.accepted]
    const lostValue = { ...rowOf(stream, 0), value: Number.NaN }
    const { store } = await auditOf({
      stream,
      codes,
      raw: [lostValue, ...preloadOf(stream).slice(2)],
    })
    expect(store).toMatchObject({ verdict: 'broken', divergedEvents: 1, preloadedRowsFound: 18 })
    expect(store.because).toContain('2 preloaded rows missing')
  })

  it('cuts lists but never counts', async () => {
    const stream = streamOf(0)
    const codes = Array<number>(3_000).fill(OUTCOME_CODES.accepted)
    const { store } = await auditOf({ stream, codes, raw: preloadOf(stream) })
    expect(store.lostEvents).toBe(3_000)
    expect(store.lost).toHaveLength(store.listLimit)
  })

  it('does not believe a store whose own totals contradict its rows', async () => {
    const stream = streamOf(0)
    const store = new MemoryStore(PROMISE.store, [rowOf(stream, 0), ...preloadOf(stream)])
    const lying = Object.assign(store, {
      totals: async () => ({ ...(await new MemoryStore('x', store.raw).totals()), rows: 99 }),
    })
    const { stores } = await auditRun({
      stores: [lying],
      promises: [PROMISE],
      stream,
      outcomes: outcomesOf([OUTCOME_CODES.accepted]),
      preloadedRows: PRELOADED,
      signal: AbortSignal.timeout(10_000),
    })
    expect(stores[0]).toMatchObject({ verdict: 'broken' })
    expect(stores[0]?.because).toContain('own total of rows is 99')
  })
})

describe('what a promise allows', () => {
  const stream = streamOf(0)
  const codes = [OUTCOME_CODES.accepted, OUTCOME_CODES.accepted]
  const half = [rowOf(stream, 0), ...preloadOf(stream)]
  const whole = [rowOf(stream, 0), rowOf(stream, 1), ...preloadOf(stream)]
  const twice = [...whole, rowOf(stream, 0)]

  it.each<[string, Partial<StorePromise>, WorstFault, string]>([
    ['loss without a fault breaks a store that survives a kill', {}, 'none', 'broken'],
    ['loss after a kill does so too', {}, 'process-kill', 'broken'],
    ['loss after a power loss is within its promise', {}, 'power-loss', 'as-promised'],
    [
      'loss without a fault breaks one that survives nothing',
      { survives: 'nothing' },
      'none',
      'broken',
    ],
    [
      'loss after a kill is within its promise',
      { survives: 'nothing' },
      'process-kill',
      'as-promised',
    ],
    [
      'loss is within the promise of at most once',
      { delivery: 'at-most-once' },
      'none',
      'as-promised',
    ],
  ])('%s', async (_what, promise, worstFault, verdict) => {
    const { store, passed } = await auditOf({ stream, codes, raw: half, promise, worstFault })
    expect(store).toMatchObject({ verdict, lostEvents: 1 })
    expect(passed).toBe(verdict !== 'broken')
  })

  it.each<[string, readonly string[], string]>([
    ['loss with the part that it is lost with is within its promise', ['postgres'], 'as-promised'],
    ['loss with another part is not', ['worker', 'redis'], 'broken'],
    ['loss with both is', ['worker', 'postgres'], 'as-promised'],
    ['loss after the kill of a service alone is not', ['service'], 'broken'],
  ])('%s', async (_what, parts, verdict) => {
    const [promise] = promisedAgainst(
      [{ ...PROMISE, survives: 'nothing', lostWith: ['postgres'] }],
      parts,
    )
    const killed = { raw: half, worstFault: 'process-kill' } as const
    const { store } = await auditOf({ stream, codes, ...killed, promise: promise ?? {} })
    expect(store).toMatchObject({ verdict, lostEvents: 1 })
  })

  it('loss is explained by nobody’s death where the promise names no part', async () => {
    const [promise] = promisedAgainst([{ ...PROMISE, survives: 'nothing' }], ['service'])
    const killed = { raw: half, worstFault: 'process-kill' } as const
    const { store } = await auditOf({ stream, codes, ...killed, promise: promise ?? {} })
    expect(store).toMatchObject({ verdict: 'broken', lostEvents: 1 })
  })

  it.each<[string, StorePromise['duplicates'], readonly MemoryRow[], string]>([
    ['one row: a second one is broken', 'one-row', whole, 'broken'],
    ['one readable: a second raw row is as promised', 'one-readable', whole, 'as-promised'],
    ['one readable: a second readable row is broken', 'one-readable', twice, 'broken'],
    ['kept: both are as promised', 'kept', twice, 'as-promised'],
  ])('%s', async (_what, duplicates, view, verdict) => {
    const { store } = await auditOf({ stream, codes, raw: twice, view, promise: { duplicates } })
    expect(store).toMatchObject({ verdict, duplicatedRows: 1 })
  })
})

describe('a store that was made again from a backup', () => {
  const restored = (keptUntilMs: number, lostUntilMs: number): Restore => ({
    upTo: 'the end of the archive',
    keptUntilMs,
    lostUntilMs,
  })
  /** Far enough from every bound that the clocks of two processes do not matter. */
  const moment = fc.integer({ min: 0, max: 40 }).map((tens) => tens * 1_000 + 500)
  const span = fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 10 }))
    .map(([from, length]) => restored(from * 1_000, (from + length) * 1_000))

  it('may lack what was acknowledged only within a restore, and nothing else, by id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 0.4),
        fc.array(fc.tuple(outcome, moment, fc.boolean()), { minLength: 1, maxLength: 60 }),
        fc.array(span, { minLength: 1, maxLength: 3 }),
        async (duplicateRatio, events, restores) => {
          const stream = streamOf(duplicateRatio)
          const codes = events.map(([code]) => code)
          const ackMs = events.map(([, ms]) => ms)
          const isAcknowledged = (code: number) =>
            code === OUTCOME_CODES.accepted || code === OUTCOME_CODES.duplicate
          const excused = (ms: number) =>
            restores.some(({ keptUntilMs, lostUntilMs }) => ms > keptUntilMs && ms < lostUntilMs)
          const lost = new Set<string>()
          const due = new Set<string>()
          const raw: MemoryRow[] = []
          for (const [index, [code, ms]] of events.entries()) {
            const first = stream.canonicalOf(index)
            const isLost = events[first]?.[2] === true
            const answered = isAcknowledged(code)
            if (isLost && answered) lost.add(keyOf(rowOf(stream, first)))
            if (isLost && answered && !excused(ms)) due.add(keyOf(rowOf(stream, first)))
            if (!isLost && answered) raw.push(rowOf(stream, first))
          }
          const rows = [...new Map(raw.map((row) => [keyOf(row), row])).values()]
          const { store } = await auditOf({
            ...{ stream, codes, ackMs, restores },
            raw: [...rows, ...preloadOf(stream)],
          })
          expect(new Set(store.lost)).toEqual(lost)
          expect(new Set(store.restored?.beyond)).toEqual(due)
          expect(store.restored?.beyondEvents).toBe(due.size)
          const allowed = lost.size === 0 ? 'whole' : 'as-promised'
          expect(store.verdict).toBe(due.size > 0 ? 'broken' : allowed)
        },
      ),
    )
  })

  const stream = streamOf(0)
  const codes = [OUTCOME_CODES.accepted, OUTCOME_CODES.accepted]
  const half = [rowOf(stream, 0), ...preloadOf(stream)]
  const lostAt = (ms: number) => ({ stream, codes, raw: half, ackMs: [100, ms] })

  it('says what the bound was, kept or not', async () => {
    const restores = [restored(6_000, 9_000)]
    const within = await auditOf({ ...lostAt(7_000), restores })
    expect(within.store).toMatchObject({ verdict: 'as-promised', lostEvents: 1 })
    expect(within.store.because).toMatch(
      /1 acknowledged event lost, within the promise: all acknowledged between 6.*s and 9.*s of the run \(restored up to the end of the archive\)/,
    )
    for (const ms of [3_000, 12_000]) {
      const { store, passed } = await auditOf({ ...lostAt(ms), restores })
      expect(store).toMatchObject({ verdict: 'broken', restored: { beyondEvents: 1 } })
      expect(store.because).toMatch(/1 acknowledged event lost that no restore excuses: not/)
      expect(passed).toBe(false)
    }
  })

  it('is not excused by a restore of another engine', async () => {
    const { store } = await auditOf(lostAt(7_000))
    expect(store).toMatchObject({ verdict: 'broken', lostEvents: 1 })
    expect(store.restored).toBeUndefined()
  })

  it('of which no death spares anything lacks what was acknowledged before it was back, and nothing later', async () => {
    const promise = { survives: 'nothing', lostWith: ['postgres'] } as const
    const restores = [{ ...restored(0, 9_000), killed: 'postgres' }]
    const met = { restores, promise, worstFault: 'process-kill' } as const
    const before = await auditOf({ ...lostAt(7_000), ...met })
    expect(before.store.verdict).toBe('as-promised')
    expect(before.store.because).toMatch(
      /all acknowledged in the first 9.*s of the run \(postgres died\)/,
    )
    const after = await auditOf({ ...lostAt(12_000), ...met })
    expect(after.store.verdict).toBe('broken')
    expect(after.store.because).toMatch(/1 acknowledged event lost that no death excuses: not/)
  })

  it('that a death empties lacks preloaded rows too, and only then', async () => {
    const lossy = { survives: 'nothing', lostWith: ['postgres'] } as const
    const promise = { ...lossy, emptied: true }
    const gone = { stream, codes, raw: [], ackMs: [100, 200], worstFault: 'process-kill' } as const
    const death = { ...restored(0, 9_000), killed: 'postgres' }
    const died = await auditOf({ ...gone, promise, restores: [death] })
    expect(died.store).toMatchObject({ verdict: 'as-promised', preloadedRowsFound: 0 })
    expect(died.store.because).toContain('20 preloaded rows gone, within the promise')
    for (const otherwise of [
      { promise, restores: [restored(0, 9_000)] },
      { promise, worstFault: 'none' } as const,
      // A commit that is still in memory: what was stored long before is on disk.
      { promise: lossy, restores: [death] },
      { promise: {}, restores: [death] },
      { promise: { delivery: 'at-most-once' } as const },
    ]) {
      const { store } = await auditOf({ ...gone, ...otherwise })
      expect(store.verdict).toBe('broken')
      expect(store.because).toContain('20 preloaded rows missing')
    }
  })

  it('may lack nothing where its promise survives the loss of a node', async () => {
    const { store } = await auditOf({
      ...lostAt(7_000),
      restores: [restored(6_000, 9_000)],
      promise: { survives: 'node-loss' },
    })
    expect(store.verdict).toBe('broken')
  })
})

describe('two stores of one architecture', () => {
  it('diverge where one lacks an event or holds another value', async () => {
    const stream = streamOf(0)
    const codes = Array<number>(6).fill(OUTCOME_CODES.accepted)
    const rows = codes.map((_, index) => rowOf(stream, index))
    const second = rows
      .slice(2)
      .map((row, at) => (at === 0 ? { ...row, value: row.value + 1 } : row))
    const audit = await auditRun({
      stores: [
        new MemoryStore('first', [...rows, ...preloadOf(stream)]),
        new MemoryStore('second', [...second, ...preloadOf(stream)]),
      ],
      promises: [
        { ...PROMISE, store: 'second', delivery: 'at-most-once' },
        { ...PROMISE, store: 'first' },
      ],
      stream,
      outcomes: outcomesOf(codes),
      preloadedRows: PRELOADED,
      signal: AbortSignal.timeout(10_000),
    })
    expect(audit.divergedBetweenStores).toBe(3)
    expect(audit.stores.map(({ verdict }) => verdict)).toEqual(['whole', 'broken'])
  })
})

interface OracleInput {
  readonly stream: EventStream
  readonly codes: readonly number[]
  readonly raw: readonly MemoryRow[]
  readonly view: readonly MemoryRow[]
}

/** The same questions, answered with sets of names. */
function oracle({ stream, codes, raw, view }: OracleInput) {
  const named = (...wanted: readonly number[]) =>
    new Set(
      [...codes.keys()]
        .filter((i) => wanted.includes(codes[i]!))
        .map((i) => keyOf(rowOf(stream, i))),
    )
  const accepted = named(OUTCOME_CODES.accepted, OUTCOME_CODES.duplicate)
  const unknown = new Set([...named(OUTCOME_CODES.unknown)].filter((key) => !accepted.has(key)))
  const rawKeys = raw.map(keyOf)
  const readable = new Set(view.map(keyOf))
  const sentValue = new Map(
    [...codes.keys()].map((index) => [keyOf(rowOf(stream, index)), stream.valueAt(index)]),
  )
  const wrong = raw.filter(
    (row) => sentValue.has(keyOf(row)) && sentValue.get(keyOf(row)) !== row.value,
  )
  return {
    accepted,
    unknown,
    lost: new Set([...accepted].filter((key) => !rawKeys.includes(key) || !readable.has(key))),
    repeated: new Set(rawKeys.filter((key, at) => rawKeys.indexOf(key) !== at)),
    diverged: new Set(wrong.map(keyOf)),
    foreign: new Set(rawKeys.filter((key) => !accepted.has(key) && !unknown.has(key))),
  }
}
