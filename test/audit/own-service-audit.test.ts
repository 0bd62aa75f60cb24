/** Audits of a service of the user's own, through a statement or through reads, against a set-based oracle. */
import fc from 'fast-check'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { StorePromise } from '../../src/architecture/architecture.ts'
import type { PointReader, ReadAnswer, StatementStore } from '../../src/architecture/evidence.ts'
import type { AuditEnd } from '../../src/audit/audit.ts'
import { auditEvidence } from '../../src/audit/audit.ts'
import type { OutcomeReader } from '../../src/audit/outcomes.ts'
import type { WorstFault } from '../../src/audit/promise.ts'
import { OUTCOME_CODES } from '../../src/drive/job.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import type { StoreAudit } from '../../src/results/audit-record.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { generateStream } from '../../src/shapes/billing/generated.ts'
import type { EventStream } from '../../src/shapes/stream.ts'
import { cancelledFirst } from './cancelled-rows.ts'
import type { MemoryRow } from './memory-store.ts'
import { MemoryStore } from './memory-store.ts'

const EVENTS = 400
const PROMISE: StorePromise = {
  store: 'mine',
  survives: 'process-kill',
  delivery: 'at-least-once',
  readAfterAck: 'eventually',
  duplicates: 'one-row',
}
const { accepted, unknown, rejected, shed, dropped, duplicate } = OUTCOME_CODES

function streamOf(identifierMark: string, duplicateRatio = 0): EventStream {
  const events = EventPopulation.parse({ duplicateRatio, organizations: 5 })
  const spec = { source: 'generated', shape: 'billing', seed: 4, events, identifierMark } as const
  return generateStream(spec, (index) => index)
}

const stream = streamOf('mine')
const earlier = streamOf('earlier')

function outcomesOf(codes: readonly number[]): OutcomeReader {
  return {
    events: codes.length,
    blocks: async function* () {
      await Promise.resolve()
      yield {
        firstIndex: 0,
        outcomes: Uint8Array.from(codes),
        ackUnits: new Uint32Array(codes.length),
      }
    },
  }
}

const rowOf = (index: number, of = stream): MemoryRow => ({
  source: of.sourceOf(index),
  id: of.idOf(index),
  value: of.valueAt(index),
})
const nameOf = (index: number): string => `${stream.sourceOf(index)}/${stream.idOf(index)}`
const all = (code: number): number[] => new Array<number>(EVENTS).fill(code)
const indexes = Array.from({ length: EVENTS }, (_, index) => index)

interface More {
  readonly worstFault?: WorstFault
  readonly listLimit?: number
}

async function ending(
  evidence: Parameters<typeof auditEvidence>[0]['evidence'],
  codes: readonly number[],
  more: More & { readonly promise?: Partial<StorePromise> } = {},
): Promise<AuditEnd> {
  const { promise, ...rest } = more
  return await auditEvidence({
    evidence,
    stores: [],
    promises: [{ ...PROMISE, ...promise }],
    stream,
    outcomes: outcomesOf(codes),
    preloadedRows: 0,
    signal: new AbortController().signal,
    ...rest,
  })
}

async function audit(
  evidence: Parameters<typeof auditEvidence>[0]['evidence'],
  codes: readonly number[],
  promise: Partial<StorePromise> = {},
  more: More = {},
): Promise<{ readonly store: StoreAudit; readonly passed: boolean }> {
  const end = await ending(evidence, codes, { promise, ...more })
  if (end.audit === null) throw new Error(`not audited: ${end.because}`)
  const { stores, passed } = end.audit
  const [store] = stores
  if (store === undefined) throw new Error('one store is audited')
  return { store, passed }
}

const everything = { organization: true, value: true }

function statement(
  rows: readonly MemoryRow[],
  yields: StatementStore['yields'] = everything,
): { by: 'statement'; store: StatementStore; settleS: number } {
  const store = new MemoryStore('mine', rows)
  return { by: 'statement', store: { name: 'mine', yields, rows: () => store.rows() }, settleS: 0 }
}

describe('an audit through a statement', () => {
  it('names every lost, repeated and differing event, and leaves the rows of others alone', async () => {
    const missing = new Set([3, 77, 399])
    const rows = [
      ...indexes.filter((index) => !missing.has(index)).map((index) => rowOf(index)),
      rowOf(8),
      ...indexes.slice(0, 50).map((index) => rowOf(index, earlier)),
      { source: 'somebody', id: 'else', value: 1 },
    ].map((row) => (row.id === stream.idOf(20) ? { ...row, value: row.value + 1 } : row))
    const { store, passed } = await audit(statement(rows), all(accepted))
    expect(passed).toBe(false)
    expect(store).toMatchObject({
      by: 'statement',
      unrelatedRows: 51,
      foreignRows: 0,
      storedRows: EVENTS - 2,
    })
    expect(store.lost.sort()).toEqual([...missing].map(nameOf).sort())
    expect(store.duplicated).toEqual([nameOf(8)])
    expect(store.diverged).toEqual([nameOf(20)])
  })

  it('finds stored what was refused, and minds no unanswered event', async () => {
    const codes = all(accepted)
    codes[5] = shed
    codes[6] = rejected
    codes[7] = unknown
    codes[8] = unknown
    codes[9] = dropped
    const rows = indexes.filter((index) => ![6, 8, 9].includes(index)).map((index) => rowOf(index))
    const { store } = await audit(statement(rows), codes)
    expect(store.foreign).toEqual([`${nameOf(5)} (was refused and is stored)`])
    expect(store).toMatchObject({ lostEvents: 0, unknownEvents: 2, verdict: 'broken' })
  })

  it('judges nothing that the statement does not yield, and says so', async () => {
    const rows = indexes.map((index) => ({ ...rowOf(index), source: '', value: Number.NaN }))
    const yields = { organization: false, value: false }
    const { store, passed } = await audit(statement(rows, yields), all(accepted))
    expect(passed).toBe(true)
    expect(store).toMatchObject({ verdict: 'whole', divergedEvents: 0, lostEvents: 0 })
    expect(store.notSeen).toHaveLength(2)
  })

  it('counts every row once where the server cancels a reading and it begins again', async () => {
    const { store, settleS } = statement(indexes.map((index) => rowOf(index)))
    const rows = cancelledFirst(2, () => store.rows(new AbortController().signal))
    const found = await audit(
      { by: 'statement', store: { ...store, rows }, settleS },
      all(accepted),
    )
    expect(found.store).toMatchObject({ verdict: 'whole', storedRows: EVENTS, duplicatedRows: 0 })
  })

  it('waits for what appears late, as long as it may', async () => {
    let readings = 0
    const late = new MemoryStore(
      'mine',
      indexes.map((index) => rowOf(index)),
    )
    const store: StatementStore = {
      name: 'mine',
      yields: everything,
      rows: () => (readings++ === 0 ? new MemoryStore('mine', []).rows() : late.rows()),
    }
    const found = await audit({ by: 'statement', store, settleS: 5 }, all(accepted))
    expect(found.passed).toBe(true)
    expect(readings).toBe(2)
  })

  it('calls nothing lost by a reading that began before its time to settle was over', async () => {
    let readings = 0
    const late = new MemoryStore(
      'mine',
      indexes.map((index) => rowOf(index)),
    )
    const store: StatementStore = {
      name: 'mine',
      yields: everything,
      rows: async function* () {
        if (readings++ > 0) yield* late.rows()
        else await delay(60)
      },
    }
    const { passed } = await audit({ by: 'statement', store, settleS: 0.05 }, all(accepted))
    expect(passed).toBe(true)
    expect(readings).toBe(2)
  })

  it('judges by the worst fault that was met, and cuts its lists where it is told to', async () => {
    const rows = indexes.slice(9).map((index) => rowOf(index))
    const more = { worstFault: 'power-loss', listLimit: 4 } as const
    const { store, passed } = await audit(statement(rows), all(accepted), {}, more)
    expect(passed).toBe(true)
    expect(store).toMatchObject({ verdict: 'as-promised', lostEvents: 9, listLimit: 4 })
    expect(store.lost).toHaveLength(4)
  })

  it('allows loss only where the promise does', async () => {
    const promise = { delivery: 'at-most-once' } as const
    const { store, passed } = await audit(statement([]), all(accepted), promise)
    expect(passed).toBe(true)
    expect(store).toMatchObject({ verdict: 'as-promised', lostEvents: EVENTS })
  })
})

interface Held {
  readonly answer: (index: number, times: number) => ReadAnswer
  readonly eventsMax?: number
  readonly withinS?: number
  readonly settleS?: number
  readonly comparesValues?: boolean
  /** Gives back what was never sent. */
  readonly invents?: boolean
  /** Later events were never sent. */
  readonly sentEvents?: number
  /** How long one question takes. */
  readonly readMs?: number
  readonly concurrency?: number
}

function reads(held: Held): {
  readonly evidence: { by: 'reads'; reader: PointReader; settleS: number }
  readonly asked: Map<number, number>
  readonly controls: readonly string[]
  readonly inFlightMax: () => number
} {
  const asked = new Map<number, number>()
  const controls: string[] = []
  let inFlight = 0
  let most = 0
  const reader: PointReader = {
    name: 'mine',
    eventsMax: held.eventsMax ?? Infinity,
    withinS: held.withinS ?? 60,
    concurrency: held.concurrency ?? 7,
    comparesValues: held.comparesValues ?? true,
    read: async ({ organizationId, transactionId }) => {
      most = Math.max(most, ++inFlight)
      await (held.readMs === undefined ? Promise.resolve() : delay(held.readMs))
      inFlight--
      const index = stream.indexOf(organizationId, transactionId)
      if (index === null || index >= (held.sentEvents ?? EVENTS)) {
        controls.push(transactionId)
        return held.invents === true ? { kind: 'found', value: 1 } : missing
      }
      const times = (asked.get(index) ?? 0) + 1
      asked.set(index, times)
      return held.answer(index, times)
    },
  }
  const evidence = { by: 'reads' as const, reader, settleS: held.settleS ?? 0 }
  return { evidence, asked, controls, inFlightMax: () => most }
}

const found = (index: number): ReadAnswer => ({ kind: 'found', value: stream.valueAt(index) })
const missing: ReadAnswer = { kind: 'missing' }
const notFound: ReadAnswer = { kind: 'missing', because: 'HTTP 404' }
const valueless: ReadAnswer = {
  kind: 'found',
  value: Number.NaN,
  because: 'no `thing.amount` in the answer',
}

describe('an audit that is written wrongly', () => {
  it('is no finding about the service when the statement fails on its rows', async () => {
    const failing: StatementStore = {
      name: 'mine',
      yields: everything,
      // eslint-disable-next-line require-yield -- a statement that fails gives no row out
      rows: async function* () {
        await Promise.resolve()
        throw new HeadroomError('BAD_INPUT', 'audit.statement failed on its rows: out of range')
      },
    }
    const end = await ending({ by: 'statement', store: failing, settleS: 0 }, all(accepted))
    expect(end).toMatchObject({ audit: null, code: 'BAD_INPUT' })
    expect(end.audit === null && end.because).toContain('audit.statement failed on its rows')
  })

  it('is none either when the server cancels every reading of it', async () => {
    const { store, settleS } = statement(indexes.map((index) => rowOf(index)))
    const rows = cancelledFirst(Infinity, () => store.rows(new AbortController().signal))
    const end = await ending({ by: 'statement', store: { ...store, rows }, settleS }, all(accepted))
    expect(end).toEqual({ audit: null, because: 'cancelled by replay; ask again' })
  })

  it('asks whether audit.path is right when every read is missing, and still when a hundredth is not', async () => {
    for (const there of [0, 4]) {
      const { evidence } = reads({
        answer: (index) => (index < there ? found(index) : notFound),
      })
      const { store } = await audit(evidence, all(accepted))
      expect(store).toMatchObject({ verdict: 'broken', lostEvents: EVENTS - there })
      expect(store.because).toContain('answered HTTP 404: is audit.path right?')
    }
    const { evidence } = reads({ answer: (index) => (index < 8 ? found(index) : notFound) })
    expect((await audit(evidence, all(accepted))).store.because).not.toContain('audit.path')
  })

  it('accuses no value of being another one where no answer holds any', async () => {
    const { evidence } = reads({ answer: () => valueless })
    const end = await ending(evidence, all(accepted))
    expect(end).toMatchObject({ audit: null, code: 'BAD_INPUT' })
    expect(end.audit === null && end.because).toContain('no `thing.amount` in the answer')
  })

  it('still finds what is lost where no answer holds a value, and says that values were not compared', async () => {
    const { evidence } = reads({ answer: (index) => (index < 7 ? missing : valueless) })
    const { store } = await audit(evidence, all(accepted))
    expect(store).toMatchObject({ verdict: 'broken', lostEvents: 7, divergedEvents: 0 })
    expect(store.because).toContain('no `thing.amount` in the answer')
    expect(store.notSeen?.join()).toContain('whether values are those that were sent')
  })

  it('calls a value another one where only some answers hold none', async () => {
    const { evidence } = reads({ answer: (index) => (index < 7 ? valueless : found(index)) })
    const { store } = await audit(evidence, all(accepted))
    expect(store).toMatchObject({ verdict: 'broken', divergedEvents: 7 })
  })
})

describe('an audit through reads', () => {
  it('asks for every acknowledged event, a few at a time, and names every one that is not given back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(accepted, duplicate, unknown, rejected, shed, dropped), {
          minLength: 50,
          maxLength: 120,
        }),
        fc.uniqueArray(fc.nat(119), { maxLength: 20 }),
        async (codes, gone) => {
          const { evidence, asked, inFlightMax } = reads({
            sentEvents: codes.length,
            answer: (index) =>
              gone.includes(index) || isRefused(codes[index]) ? missing : found(index),
          })
          const { store } = await audit(evidence, codes)
          const acknowledged = codes.flatMap((code, index) =>
            code === accepted || code === duplicate ? [index] : [],
          )
          const lost = acknowledged.filter((index) => gone.includes(index))
          expect(store.lost).toEqual(lost.map(nameOf))
          expect(store.askedEvents).toBe(acknowledged.length)
          expect(acknowledged.every((index) => asked.has(index))).toBe(true)
          expect(inFlightMax()).toBeLessThanOrEqual(7)
          expect(store.verdict).toBe(lost.length > 0 ? 'broken' : 'whole')
        },
      ),
      { numRuns: 40 },
    )
  })

  it('finds what was refused and is there all the same, and values that differ', async () => {
    const codes = all(accepted)
    codes[4] = rejected
    const { evidence } = reads({
      answer: (index) => (index === 9 ? { kind: 'found', value: 0.015625 } : found(index)),
    })
    const { store, passed } = await audit(evidence, codes)
    expect(passed).toBe(false)
    expect(store.foreign).toEqual([`${nameOf(4)} (was refused and is there)`])
    expect(store.diverged).toEqual([nameOf(9)])
    expect(store.value64SumStored).not.toBe(store.value64SumExpected)
  })

  it('asks again for what is not there yet, and is content when it comes', async () => {
    const { evidence } = reads({
      settleS: 5,
      answer: (index, times) => (index % 3 === 0 && times < 3 ? missing : found(index)),
    })
    expect((await audit(evidence, all(accepted))).store).toMatchObject({
      verdict: 'whole',
      lostEvents: 0,
    })
  })

  it('calls nothing lost of which the service does not say that it is missing, and proves nothing either', async () => {
    const { evidence } = reads({
      answer: (index) => (index < 10 ? { kind: 'unanswered', because: 'HTTP 500' } : found(index)),
    })
    const { store, passed } = await audit(evidence, all(accepted))
    expect(passed).toBe(false)
    expect(store).toMatchObject({ lostEvents: 0, unansweredReads: 10, verdict: 'broken' })
    expect(store.because).toContain('10 acknowledged events could not be read back (HTTP 500)')
  })

  it('says of a sample how sure it makes one', async () => {
    const codes = new Array<number>(3_000).fill(accepted)
    const { evidence, asked } = reads({ sentEvents: 3_000, eventsMax: 300, answer: found })
    const { store } = await audit(evidence, codes)
    expect(asked.size).toBe(300)
    expect(store).toMatchObject({ verdict: 'whole', askedEvents: 300, acceptedEvents: 3_000 })
    expect(store.because).toBe(
      '300 of 3,000 acknowledged events were asked for, drawn at random, and each was there: with 95 % confidence at most 1.0 % are missing.',
    )
    expect(store.notSeen?.join()).toContain('2,700 acknowledged events that were not asked for')
  })

  it('finds out a store that loses the tail of every batch, whatever the size of batch and sample', async () => {
    for (const batch of [8, 10, 16, 64]) {
      const codes = new Array<number>(6_400).fill(accepted)
      const { evidence } = reads({
        sentEvents: 6_400,
        eventsMax: 400,
        answer: (index) => (index % batch === batch - 1 ? missing : found(index)),
      })
      const { store } = await audit(evidence, codes)
      expect(store.verdict).toBe('broken')
      expect(store.lostEvents / 400).toBeGreaterThan(0.5 / batch)
    }
  })

  it('that got to a few of many events proves nothing, though each of them was there', async () => {
    const codes = new Array<number>(3_000).fill(accepted)
    const few = reads({ sentEvents: 3_000, eventsMax: 299, answer: found })
    const end = await ending(few.evidence, codes)
    expect(end.audit).toBeNull()
    expect(end).toMatchObject({
      because: expect.stringContaining('299 of 3,000 acknowledged events were asked for') as string,
    })
    const nothing = reads({ withinS: -1, answer: found })
    expect((await ending(nothing.evidence, all(accepted))).audit).toBeNull()
  })

  it('that got to a few of many events has found what is missing all the same', async () => {
    const codes = new Array<number>(3_000).fill(accepted)
    const { evidence } = reads({ sentEvents: 3_000, eventsMax: 50, answer: () => missing })
    const { store } = await audit(evidence, codes)
    expect(store).toMatchObject({ verdict: 'broken', lostEvents: 50 })
  })

  it('calls nothing lost by a look that began before its time to settle was over', async () => {
    let readableAtMs = Infinity
    const { evidence } = reads({
      settleS: 0.2,
      concurrency: 4,
      readMs: 4,
      answer: (index) => {
        // The first pass takes longer than the time to settle, and the event comes in the middle of it.
        if (readableAtMs === Infinity) readableAtMs = performance.now() + 150
        return index % 40 === 0 && performance.now() < readableAtMs ? missing : found(index)
      },
    })
    expect((await audit(evidence, all(accepted))).store).toMatchObject({
      verdict: 'whole',
      lostEvents: 0,
    })
  })

  it('believes no service that also gives back what was never sent', async () => {
    const liar = reads({ invents: true, answer: found })
    const { store, passed } = await audit(liar.evidence, all(accepted))
    expect(passed).toBe(false)
    expect(store.because).toContain('it also gives back events nobody sent (16 of 16 asked for)')
    const honest = reads({ answer: found })
    expect((await audit(honest.evidence, all(accepted))).passed).toBe(true)
    expect(new Set(honest.controls).size).toBe(16)
  })

  it('judges by the worst fault that was met, and cuts its lists where it is told to', async () => {
    const { evidence } = reads({ answer: (index) => (index < 9 ? missing : found(index)) })
    const more = { worstFault: 'power-loss', listLimit: 4 } as const
    const { store, passed } = await audit(evidence, all(accepted), {}, more)
    expect(passed).toBe(true)
    expect(store).toMatchObject({ verdict: 'as-promised', lostEvents: 9, listLimit: 4 })
    expect(store.lost).toHaveLength(4)
  })

  it('compares no values where an answer holds none', async () => {
    const { evidence } = reads({
      comparesValues: false,
      answer: () => ({ kind: 'found', value: null }),
    })
    const { store } = await audit(evidence, all(accepted))
    expect(store).toMatchObject({ verdict: 'whole', divergedEvents: 0 })
    expect(store.notSeen?.join()).toContain('values')
  })
})

function isRefused(code: number | undefined): boolean {
  return code === rejected || code === shed || code === dropped
}
