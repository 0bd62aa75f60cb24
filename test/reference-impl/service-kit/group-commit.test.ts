import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BILLING_DOOR, type IngestEvent } from '../../../reference-impl/service-kit/event.ts'
import {
  GroupCommit,
  type GroupCommitOptions,
} from '../../../reference-impl/service-kit/group-commit.ts'
import type { Answer, BatchWriter, Written } from '../../../reference-impl/service-kit/written.ts'

const OPTIONS: GroupCommitOptions = {
  lanes: 2,
  rowsMax: 10,
  requestsMax: Number.MAX_SAFE_INTEGER,
  lingerMs: 0,
  timeoutMs: 5_000,
  order: 'by-identity',
  identityOf: BILLING_DOOR.identityOf,
}
const METER = { waited: () => {}, batch: () => {} }

const eventOf = (id: string, code = 'fine'): IngestEvent => ({
  organizationId: 'o',
  transactionId: id,
  externalCustomerId: 'c',
  code,
  timestamp: '2026-02-25T12:00:00Z',
  properties: '{}',
  value: null,
})

/** A store with a unique key, which finds the code `poison` bad and fails when a plan says so. */
class ModelStore implements BatchWriter {
  readonly stored = new Map<string, IngestEvent>()
  readonly batches: (readonly IngestEvent[])[] = []
  readonly #plan: ('refused' | 'unknown-stored' | 'unknown-lost' | 'rejects' | 'fine')[]
  inFlight = 0
  inFlightMax = 0
  closed = false

  constructor(plan: ModelStore['plan'] = []) {
    this.#plan = [...plan]
  }

  get plan() {
    return this.#plan
  }

  async write(events: readonly IngestEvent[]): Promise<Written> {
    this.batches.push(events)
    this.inFlight++
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight)
    await new Promise((resolve) => setImmediate(resolve))
    this.inFlight--
    const step = this.#plan.shift() ?? 'fine'
    if (step === 'rejects') throw new Error('a writer must not do this')
    if (step === 'refused') return { state: 'refused', because: 'down', backoff: false }
    if (step === 'unknown-lost') return { state: 'unknown', because: 'lost' }
    if (events.some((event) => event.code === 'poison'))
      return { state: 'bad-data', because: 'poison' }
    const duplicates: number[] = []
    for (const [index, event] of events.entries()) {
      if (this.stored.has(BILLING_DOOR.identityOf(event))) duplicates.push(index)
      else this.stored.set(BILLING_DOOR.identityOf(event), event)
    }
    return step === 'unknown-stored'
      ? { state: 'unknown', because: 'lost' }
      : { state: 'stored', duplicates }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true
  }
}

async function submitAll(
  store: ModelStore,
  requests: readonly (readonly IngestEvent[])[],
  options: GroupCommitOptions = OPTIONS,
): Promise<readonly Answer[][]> {
  const commit = new GroupCommit(store, options, METER)
  const answers: Answer[][] = requests.map(() => [])
  for (const [index, events] of requests.entries())
    commit.submit(events, (answer) => answers[index]!.push(answer))
  await commit[Symbol.asyncDispose]()
  return answers
}

const event = fc
  .record({
    id: fc.integer({ min: 0, max: 30 }),
    code: fc.constantFrom('fine', 'fine', 'fine', 'poison'),
  })
  .map(({ id, code }) => eventOf(String(id), code))
const requests = fc.array(fc.array(event, { minLength: 1, maxLength: 15 }), {
  minLength: 1,
  maxLength: 25,
})
const steps = fc.array(
  fc.constantFrom(
    'fine' as const,
    'refused' as const,
    'unknown-stored' as const,
    'unknown-lost' as const,
    'rejects' as const,
  ),
  { maxLength: 12 },
)
const options = fc.record({
  lanes: fc.integer({ min: 1, max: 4 }),
  rowsMax: fc.integer({ min: 1, max: 20 }),
  requestsMax: fc.constantFrom(1, Number.MAX_SAFE_INTEGER),
  lingerMs: fc.constantFrom(0, 1),
  timeoutMs: fc.constant(5_000),
  order: fc.constantFrom('by-identity' as const, 'as-arrived' as const),
  identityOf: fc.constant(BILLING_DOOR.identityOf),
})

describe('GroupCommit', () => {
  it('answers every request exactly once, and closes its writer after the last', async () => {
    await fc.assert(
      fc.asyncProperty(requests, steps, options, async (bodies, plan, settings) => {
        const store = new ModelStore(plan)
        const answers = await submitAll(store, bodies, settings)
        expect(answers.map((given) => given.length)).toEqual(bodies.map(() => 1))
        expect(store.closed).toBe(true)
        expect(store.inFlightMax).toBeLessThanOrEqual(settings.lanes)
      }),
      { numRuns: 100 },
    )
  })

  it('accepts an id once, when the store answers; and never accepts what is not stored', async () => {
    await fc.assert(
      fc.asyncProperty(requests, steps, options, async (bodies, plan, settings) => {
        const store = new ModelStore(plan)
        const answers = await submitAll(store, bodies, settings)
        const acceptedIds: string[] = []
        for (const [index, [answer]] of answers.entries()) {
          if (answer?.state !== 'stored') continue
          const left = new Set([...answer.duplicates, ...answer.rejected.map((one) => one.index)])
          for (const [position, one] of bodies[index]!.entries()) {
            if (one.code === 'poison' && !answer.duplicates.includes(position))
              expect(left.has(position)).toBe(true)
            if (left.has(position)) continue
            expect(store.stored.get(BILLING_DOOR.identityOf(one))?.code).toBe('fine')
            acceptedIds.push(BILLING_DOOR.identityOf(one))
          }
        }
        expect(new Set(acceptedIds).size).toBe(acceptedIds.length)
      }),
      { numRuns: 200 },
    )
  })

  it('stores nothing of a refused request that another request did not bring', async () => {
    await fc.assert(
      fc.asyncProperty(requests, steps, options, async (bodies, plan, settings) => {
        const store = new ModelStore(plan)
        const answers = await submitAll(store, bodies, settings)
        const brought = new Set(
          bodies
            .filter((_, index) => answers[index]![0]!.state !== 'refused')
            .flat()
            .map(BILLING_DOOR.identityOf),
        )
        for (const identity of store.stored.keys()) expect(brought.has(identity)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('rejects exactly the bad items and stores all others', async () => {
    await fc.assert(
      fc.asyncProperty(requests, options, async (bodies, settings) => {
        const store = new ModelStore()
        const answers = await submitAll(store, bodies, settings)
        for (const [index, [answer]] of answers.entries()) {
          if (answer?.state !== 'stored') throw new Error('the store never failed')
          for (const { index: position } of answer.rejected)
            expect(bodies[index]![position]!.code).toBe('poison')
        }
        const good = new Set(
          bodies
            .flat()
            .filter(({ code }) => code === 'fine')
            .map(BILLING_DOOR.identityOf),
        )
        expect(new Set(store.stored.keys())).toEqual(good)
      }),
      { numRuns: 100 },
    )
  })

  it('never splits a request, and closes a batch at its limit unless one request is larger', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 30 }),
        options,
        async (sizes, settings) => {
          let id = 0
          const bodies = sizes.map((size, body) =>
            Array.from({ length: size }, () => eventOf(String(id++), `body ${String(body)}`)),
          )
          const store = new ModelStore()
          await submitAll(store, bodies, settings)
          const seen = new Map<string, number>()
          for (const [batch, events] of store.batches.entries()) {
            const codes = new Set(events.map(({ code }) => code))
            if (codes.size > 1) expect(events.length).toBeLessThanOrEqual(settings.rowsMax)
            if (settings.requestsMax === 1) expect(codes.size).toBe(1)
            for (const code of codes) {
              expect(seen.has(code)).toBe(false)
              seen.set(code, batch)
            }
          }
          expect(seen.size).toBe(sizes.length)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('gathers what came in one turn into one batch, in one order of identity', async () => {
    const store = new ModelStore()
    await submitAll(
      store,
      ['3', '1', '2', '0'].map((id) => [eventOf(id)]),
    )
    expect(store.batches.map((events) => events.map(({ transactionId }) => transactionId))).toEqual(
      [['0', '1', '2', '3']],
    )
  })

  it('waits for company when it lingers, and not when the batch is full', async () => {
    const store = new ModelStore()
    const waits: number[] = []
    const commit = new GroupCommit(
      store,
      { ...OPTIONS, rowsMax: 3, lingerMs: 300 },
      { waited: (ms) => waits.push(ms), batch: () => {} },
    )
    const answered: Answer[] = []
    const submit = (id: string) => {
      commit.submit([eventOf(id)], (answer) => answered.push(answer))
    }
    submit('a')
    await new Promise((resolve) => setImmediate(resolve))
    expect(store.batches.length).toBe(0)
    submit('b')
    submit('c')
    await expect.poll(() => answered.length).toBe(3)
    expect(store.batches.map((events) => events.length)).toEqual([3])
    submit('d')
    await expect.poll(() => answered.length).toBe(4)
    // Company is no connection: of those that found a free one at once, none waited for it.
    expect(waits.slice(0, 3)).toEqual([0, 0, 0])
    await commit[Symbol.asyncDispose]()
  })

  it('pauses after a store asked for it, instead of hammering on', async () => {
    const times: number[] = []
    const store = new ModelStore()
    const busy: BatchWriter = {
      write: async () => {
        times.push(performance.now())
        return { state: 'refused', because: 'too many parts', backoff: true }
      },
      [Symbol.asyncDispose]: async () => {},
    }
    const commit = new GroupCommit(busy, { ...OPTIONS, lanes: 1, requestsMax: 1 }, METER)
    let answered = 0
    for (let request = 0; request < 4; request++)
      commit.submit([eventOf(String(request))], () => answered++)
    await expect.poll(() => answered, { timeout: 5_000 }).toBe(4)
    await commit[Symbol.asyncDispose]()
    const pauses = times.slice(1).map((time, index) => time - times[index]!)
    // Doubling from 100 ms; timers may fire a little early by this clock.
    for (const [index, pause] of pauses.entries()) expect(pause).toBeGreaterThan(95 * 2 ** index)
    expect(store.batches.length).toBe(0)
  })

  it('calls an outcome unknown past the deadline, and refuses what was still queued, whose wait it tells', async () => {
    const waits: number[] = []
    const stuck: BatchWriter = {
      write: (_events, deadline) =>
        new Promise((resolve) => {
          deadline.whenExpired(() => {
            // Both run out together: the one in the queue is refused by the next sweep, before the lane is free again.
            setTimeout(() => {
              resolve({ state: 'unknown', because: 'late' })
            }, 150)
          })
        }),
      [Symbol.asyncDispose]: async () => {},
    }
    const commit = new GroupCommit(
      stuck,
      { ...OPTIONS, lanes: 1, requestsMax: 1, timeoutMs: 200 },
      { waited: (ms) => waits.push(ms), batch: () => {} },
    )
    const answers: string[] = []
    commit.submit([eventOf('a')], ({ state }) => answers.push(state))
    commit.submit([eventOf('b')], ({ state }) => answers.push(state))
    await expect.poll(() => answers.length, { timeout: 5_000 }).toBe(2)
    expect([...answers].sort()).toEqual(['refused', 'unknown'])
    expect(waits.length).toBe(2)
    expect(Math.max(...waits)).toBeGreaterThan(190)
    await commit[Symbol.asyncDispose]()
  })
})
