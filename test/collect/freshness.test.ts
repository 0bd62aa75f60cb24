import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startFreshness } from '../../src/collect/freshness.ts'
import type { FreshnessOptions, RunningFreshness } from '../../src/collect/freshness.ts'
import type { Arrivals, Reach } from '../../src/engines/engine.ts'
import { PRELOAD_BASE_INDEX } from '../../src/shapes/stream.ts'
import { ManualClock } from '../fixtures/manual-clock.ts'

const EPOCH_MS = 500_000

/** Events become visible at known moments; a poll sees those that were visible when it looked, and takes its time. */
class Store {
  readonly name = 'memory.events'
  readonly #clock: ManualClock
  readonly #visible: { readonly atMs: number; readonly id: string }[] = []
  /** How long polls take, one after the other and again from the start. */
  pollsTakeMs: readonly number[] = [0]
  fails: string | null = null
  /** How many polls it takes to look everywhere. */
  roundPolls: number | null = null
  polls = 0
  wideLooks = 0
  wideTakesMs = 0
  #stored: readonly { readonly turn: number; readonly id: string }[] = []

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  show(id: string, atMs: number): void {
    this.#visible.push({ atMs, id })
  }

  /** In an old partition: shown by polls whose turn it is, or that look everywhere. */
  store(id: string, turn: number): void {
    this.#stored = [...this.#stored, { turn, id }]
  }

  async arrivals(cursor: unknown, _: AbortSignal, reach?: Reach): Promise<Arrivals> {
    const fromMs = typeof cursor === 'number' ? cursor : this.#clock.nowMs()
    const lookedMs = this.#clock.nowMs()
    const usualMs = this.pollsTakeMs[this.polls % this.pollsTakeMs.length] ?? 0
    const tookMs = reach === 'everywhere' ? Math.max(usualMs, this.wideTakesMs) : usualMs
    this.polls += 1
    if (tookMs > 0) await this.#clock.sleep(tookMs)
    if (this.fails !== null) throw new Error(this.fails)
    const turn = this.polls % (this.roundPolls ?? 1)
    const shown = this.#stored.filter((one) => reach === 'everywhere' || one.turn === turn)
    this.#stored = this.#stored.filter((one) => !shown.includes(one))
    if (reach === 'everywhere') this.wideLooks += 1
    const fresh = this.#visible.filter(({ atMs }) => atMs > fromMs && atMs <= lookedMs)
    const ids = [...fresh, ...shown].map(({ id }) => id)
    return {
      ids,
      sources: ids.map(() => 'org'),
      cursor: lookedMs,
      ...(this.roundPolls === null ? {} : { roundPolls: this.roundPolls }),
    }
  }
}

/** Ids are indexes in words. */
const stream = {
  indexOf: (_source: string, id: string): number | null =>
    id.startsWith('e') ? Number(id.slice(1)) : null,
  /** Every hundredth event repeats the one before it. */
  canonicalOf: (index: number): number => (index % 100 === 99 ? index - 1 : index),
}

interface Watched {
  readonly clock: ManualClock
  readonly store: Store
  readonly seen: Map<number, number>
  readonly said: string[]
  readonly poller: RunningFreshness
}

async function watch(
  options: Partial<FreshnessOptions> = {},
  pollsTakeMs: readonly number[] = [0],
): Promise<Watched> {
  const clock = new ManualClock(EPOCH_MS)
  const store = new Store(clock)
  store.pollsTakeMs = pollsTakeMs
  const seen = new Map<number, number>()
  const said: string[] = []
  const starting = startFreshness({
    store,
    stream,
    seenLog: {
      seen: (index, atMs) => {
        if (seen.has(index)) throw new Error(`event ${String(index)} told twice`)
        seen.set(index, atMs)
      },
    },
    epochMs: EPOCH_MS,
    signal: new AbortController().signal,
    log: (line) => said.push(line),
    clock,
    ...options,
  })
  await clock.advance(Math.max(...pollsTakeMs))
  return { clock, store, seen, said, poller: await starting }
}

async function stopped({ clock, poller }: Watched): ReturnType<RunningFreshness['stop']> {
  const stopping = poller.stop()
  await clock.advance(3_000)
  return await stopping
}

describe('freshness', () => {
  it('sees every event after it became visible and within the printed resolution', async () => {
    const delays = fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 60 })
    const takes = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(delays, takes, async (visibleMs, pollsTakeMs) => {
        const watched = await watch({}, pollsTakeMs)
        const { clock, store, seen } = watched
        const startMs = clock.nowMs()
        visibleMs.forEach((delayMs, index) => {
          store.show(`e${String(index)}`, startMs + 1 + delayMs)
        })
        await clock.advance(6_000)
        const { resolutionMs, seenEvents } = await stopped(watched)
        expect(seenEvents).toBe(visibleMs.length)
        visibleMs.forEach((delayMs, index) => {
          const lateMs = (seen.get(index) ?? NaN) + EPOCH_MS - (startMs + 1 + delayMs)
          expect(lateMs).toBeGreaterThanOrEqual(0)
          expect(lateMs).toBeLessThanOrEqual(resolutionMs)
        })
      }),
      { numRuns: 30 },
    )
  }, 60_000)

  it('polls every 100 ms while a poll is quick', async () => {
    const watched = await watch()
    const before = watched.store.polls
    await watched.clock.advance(1_000)
    expect(watched.store.polls - before).toBeGreaterThanOrEqual(10)
    expect(watched.store.polls - before).toBeLessThanOrEqual(11)
    expect((await stopped(watched)).resolutionMs).toBe(100)
  })

  it('polls less often when a poll takes long, so that it takes half of the time at most', async () => {
    const watched = await watch({}, [300])
    const before = watched.store.polls
    await watched.clock.advance(6_000)
    expect(watched.store.polls - before).toBeLessThanOrEqual(11)
    const { resolutionMs, usualResolutionMs } = await stopped(watched)
    // From the start of one poll to the end of the next.
    expect(resolutionMs).toBe(900)
    expect(usualResolutionMs).toBe(900)
  })

  it('tells each event once, however often the store shows it', async () => {
    const watched = await watch()
    const { clock, store, seen } = watched
    for (const at of [10, 150, 420]) store.show('e7', clock.nowMs() + at)
    await clock.advance(1_000)
    expect([...seen.keys()]).toEqual([7])
    expect((await stopped(watched)).seenEvents).toBe(1)
  })

  it('leaves preloaded rows alone and counts ids of nobody', async () => {
    const watched = await watch()
    const { clock, store, seen } = watched
    store.show(`e${String(PRELOAD_BASE_INDEX + 5)}`, clock.nowMs() + 10)
    store.show('somebody else’s', clock.nowMs() + 10)
    await clock.advance(500)
    expect(seen.size).toBe(0)
    expect(await stopped(watched)).toMatchObject({ seenEvents: 0, foreignIds: 1 })
  })

  it('goes on after a store was away, and its resolution tells of the gap', async () => {
    const watched = await watch()
    const { clock, store, seen, said } = watched
    store.fails = 'connection refused'
    store.show('e1', clock.nowMs() + 100)
    await clock.advance(2_000)
    store.fails = null
    await clock.advance(300)
    expect([...seen.keys()]).toEqual([1])
    const summary = await stopped(watched)
    expect(summary.failures).toBeGreaterThanOrEqual(19)
    expect(summary.resolutionMs).toBeGreaterThanOrEqual(2_000)
    expect(said).toEqual(['freshness of memory.events: connection refused'])
  })

  it('knows the backlog as acknowledged minus seen, repeats left out', async () => {
    const watched = await watch({ duplicateRatio: 0.1 })
    const { clock, store, poller } = watched
    expect(poller.backlogEvents()).toBeNull()
    for (let index = 0; index < 30; index += 1) store.show(`e${String(index)}`, clock.nowMs() + 10)
    await clock.advance(200)
    poller.acknowledged(100, clock.nowMs() - EPOCH_MS)
    expect(poller.backlogEvents()).toBe(60)
    const samples = await poller.probe.sample(new AbortController().signal)
    expect(samples).toContainEqual({ metric: 'backlog.events', label: 'memory.events', value: 60 })
    expect(samples).toContainEqual({
      metric: 'rate.storedEventsPerS',
      label: 'memory.events',
      value: 150,
    })
    poller.acknowledged(20, clock.nowMs() - EPOCH_MS)
    expect(poller.backlogEvents()).toBe(0)
  })

  it('knows the backlog there was when a window ended, however late the window comes', async () => {
    const { clock, store, poller } = await watch()
    // A second in which everything waits, and then all of it is readable at once.
    const endedMs = clock.nowMs() + 1_000
    for (let index = 0; index < 30; index += 1) store.show(`e${String(index)}`, endedMs + 500)
    await clock.advance(2_000)
    poller.acknowledged(30, endedMs - EPOCH_MS)
    expect(poller.backlogEvents()).toBe(30)
    poller.acknowledged(30, endedMs + 1_000 - EPOCH_MS)
    expect(poller.backlogEvents()).toBe(0)
    // Nobody answers any more: what was seen last counts.
    store.fails = 'away'
    await clock.advance(1_000)
    poller.acknowledged(50, clock.nowMs() - EPOCH_MS)
    expect(poller.backlogEvents()).toBe(20)
  })

  it('drains until everything there is was seen, and no longer', async () => {
    const watched = await watch()
    const { clock, store, poller, seen } = watched
    const startMs = clock.nowMs()
    for (let index = 0; index < 10; index += 1) {
      store.show(`e${String(index)}`, startMs + 50 + index * 200)
    }
    const draining = poller.drain({ acknowledgedEvents: 10, dueEvents: 10, drainS: 60 })
    let drained: boolean | null = null
    void draining.then((whole) => (drained = whole))
    await clock.advance(1_500)
    expect(drained).toBeNull()
    await clock.advance(500)
    expect(drained).toBe(true)
    expect(seen.size).toBe(10)
  })

  it('does not wait for repeats, which were acknowledged and never show', async () => {
    const { clock, store, poller } = await watch()
    for (let index = 0; index < 200; index += 1) {
      store.show(`e${String(stream.canonicalOf(index))}`, clock.nowMs() + 50)
    }
    const draining = poller.drain({ acknowledgedEvents: 200, dueEvents: 200, drainS: 60 })
    let drained: boolean | null = null
    void draining.then((whole) => (drained = whole))
    await clock.advance(300)
    expect(drained).toBe(true)
  })

  it('looks everywhere before it calls a store quiet that takes a round to look at', async () => {
    const watched = await watch()
    const { clock, store, poller, seen } = watched
    store.roundPolls = 1_000
    store.show('e0', clock.nowMs() + 50)
    store.store('e1', 999)
    const draining = poller.drain({ acknowledgedEvents: 1, dueEvents: 3, drainS: 60 })
    let drained: boolean | null = null
    void draining.then((whole) => (drained = whole))
    await clock.advance(1_000)
    expect([drained, seen.size, store.wideLooks]).toEqual([null, 1, 0])
    await clock.advance(300)
    expect([drained, seen.size, store.wideLooks]).toEqual([true, 2, 1])
    expect((await stopped(watched)).roundPolls).toBe(1_000)
  })

  it.each([
    ['everything acknowledged is stored', 2, true],
    ['something acknowledged is lost', 3, false],
  ])('looks everywhere before it gives up when %s', async (_, acknowledgedEvents, whole) => {
    const watched = await watch()
    const { clock, store, poller, seen } = watched
    store.roundPolls = 1_000
    store.store('e0', 999)
    store.store('e1', 998)
    const draining = poller.drain({ acknowledgedEvents, dueEvents: 4, drainS: 3 })
    await clock.advance(3_300)
    expect([await draining, seen.size, store.wideLooks]).toEqual([whole, 2, 1])
  })

  it('ends its drain although the last look never answers', async () => {
    const { clock, store, poller } = await watch()
    store.roundPolls = 1_000
    const draining = poller.drain({ acknowledgedEvents: 3, dueEvents: 4, drainS: 3 })
    await clock.advance(2_950)
    store.pollsTakeMs = [1e9]
    await clock.advance(30_000)
    expect(await draining).toBe(false)
  })

  it.each([
    ['seen by', 999, true],
    ['seen before', 5, false],
  ])(
    'counts how long a look everywhere took only where events were %s it',
    async (_, turn, wide) => {
      const watched = await watch()
      const { clock, store, poller } = watched
      store.roundPolls = 1_000
      store.store('e0', turn)
      await clock.advance(1_000)
      store.wideTakesMs = 700
      const draining = poller.drain({ acknowledgedEvents: 2, dueEvents: 2, drainS: 1 })
      await clock.advance(4_000)
      expect(await draining).toBe(false)
      const { resolutionMs } = await stopped(watched)
      expect(resolutionMs > 700).toBe(wide)
    },
  )

  it('waits a little for what was not answered and may be stored all the same', async () => {
    const { clock, store, poller, seen } = await watch()
    store.show('e0', clock.nowMs() + 50)
    store.show('e1', clock.nowMs() + 700)
    const draining = poller.drain({ acknowledgedEvents: 1, dueEvents: 3, drainS: 60 })
    let drained: boolean | null = null
    void draining.then((whole) => (drained = whole))
    await clock.advance(1_000)
    expect(drained).toBeNull()
    await clock.advance(1_000)
    expect(drained).toBe(true)
    expect(seen.size).toBe(2)
  })

  it('gives up draining after its time when something never comes', async () => {
    const { clock, store, poller } = await watch()
    store.show('e0', clock.nowMs() + 50)
    const draining = poller.drain({ acknowledgedEvents: 2, dueEvents: 2, drainS: 5 })
    await clock.advance(5_100)
    expect(await draining).toBe(false)
    expect(await poller.drain({ acknowledgedEvents: 1, dueEvents: 1, drainS: 5 })).toBe(true)
  })

  it('stops although a poll never answers', async () => {
    const watched = await watch()
    watched.store.pollsTakeMs = [1e9]
    await watched.clock.advance(500)
    expect((await stopped(watched)).polls).toBeGreaterThanOrEqual(1)
  })

  it('does not start against a store that cannot be read', async () => {
    const store = { name: 's', arrivals: () => Promise.reject(new Error('no such table')) }
    await expect(
      startFreshness({
        store,
        stream,
        seenLog: { seen: () => undefined },
        epochMs: 0,
        signal: new AbortController().signal,
        log: () => undefined,
      }),
    ).rejects.toThrow('no such table')
  })
})
