import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lsnText, parseLsn } from '../../../../reference-impl/service-kit/freshness/lsn.ts'
import { readDemand } from '../../../../reference-impl/service-kit/freshness/read-class.ts'
import type { ReplicaSample } from '../../../../reference-impl/service-kit/freshness/replica-watch.ts'
import {
  FreshnessRouter,
  type Ask,
} from '../../../../reference-impl/service-kit/freshness/router.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

const BUDGETS_MS = { critical: 50, search: 3_000, analytics: 300_000 }
const RULES = {
  badSamples: 3,
  windowSamples: 3,
  goodSamples: 2,
  openMs: 500,
  openMaxMs: 2_000,
  jitterRatio: 0,
}

/** A replica whose lag and replay position the test sets. */
class SetReplica {
  readonly source: string
  readonly access: string
  lagMs: number
  replayed = 100n
  fails = false
  readonly watch

  constructor(name: string, lagMs: number) {
    this.source = `${name}.events`
    this.access = name
    this.lagMs = lagMs
    this.watch = {
      name,
      lagAtMostMs: () => this.lagMs,
      whenReplayed: (token: bigint) => Promise.resolve(this.replayed >= token),
    } as {
      readonly name: string
      readonly sample: ReplicaSample | null
      lagAtMostMs(): number
      whenReplayed(token: bigint): Promise<boolean>
    }
    Object.defineProperty(this.watch, 'sample', { get: () => this.sample })
  }

  get sample(): ReplicaSample | null {
    return Number.isFinite(this.lagMs)
      ? {
          atMs: 0,
          heartbeatLagMs: this.lagMs,
          lagAtMostMs: this.lagMs,
          replayed: this.replayed,
        }
      : null
  }
}

function rig(...lags: number[]) {
  const clock = new ManualClock(0)
  const replicas = lags.map((lagMs, index) => new SetReplica(`replica-${String(index + 1)}`, lagMs))
  const primary = { away: false, fails: false }
  const router = new FreshnessRouter<string>({
    primary: { source: 'postgres.events', access: 'primary', isAway: () => primary.away },
    replicas,
    budgetsMs: BUDGETS_MS,
    tokenWaitMs: 20,
    rules: RULES,
    clock,
    chance: () => 0,
  })
  const ask: Ask<string, string> = (access) => {
    const fails =
      access === 'primary'
        ? primary.fails
        : replicas.find((replica) => replica.access === access)?.fails === true
    return fails ? Promise.reject(new Error('broken')) : Promise.resolve(access)
  }
  const sampleAll = async (times: number) => {
    for (let time = 0; time < times; time++) {
      await clock.advance(10)
      replicas.forEach((replica, index) => {
        router.observe(index, replica.sample)
      })
    }
  }
  const read = (
    readClass: 'critical' | 'search' | 'analytics' = 'critical',
    token: bigint | null = null,
  ) => router.read({ readClass, token }, ask)
  return { router, replicas, primary, ask, read, sampleAll }
}

describe('the router', () => {
  it('reads from a replica within the budget of the class, else from the primary', async () => {
    const { read } = rig(51)
    expect(await read('critical')).toMatchObject({
      answer: 'primary',
      freshness: { source: 'postgres.events', lagS: 0, consistency: 'strong', stale: false },
    })
    expect(await read('search')).toMatchObject({
      answer: 'replica-1',
      freshness: { source: 'replica-1.events', lagS: 0.051, consistency: 'eventual', stale: false },
    })
  })

  it('asks the primary first where a reader may look for his own write, and a replica only in its place', async () => {
    const { router, ask, primary } = rig(1)
    const demand = { readClass: 'critical', token: null } as const
    const from = { table: 'hot', primaryFirst: true }
    expect(await router.read(demand, ask, from)).toMatchObject({
      answer: 'primary',
      freshness: { source: 'postgres.events.hot', consistency: 'strong' },
    })
    primary.fails = true
    expect(await router.read(demand, ask, from)).toMatchObject({
      answer: 'replica-1',
      freshness: { source: 'replica-1.events.hot', consistency: 'eventual' },
    })
    expect(router.meter.primaryReads).toEqual(new Map([['own-write', 1]]))
  })

  it('never asks a replica for what is UNLOGGED', async () => {
    const { router, ask, primary } = rig(1)
    expect(await router.readUnlogged(ask, 'staged')).toMatchObject({ answer: 'primary' })
    primary.fails = true
    await expect(router.readUnlogged(ask, 'staged')).rejects.toThrow('broken')
    primary.away = true
    await expect(router.readUnlogged(ask, 'staged')).rejects.toThrow('broken')
    expect(router.meter.reads).toEqual(new Map([['postgres.events.staged', 1]]))
  })

  it('says of a primary without replicas that there is none', async () => {
    const { read, router } = rig()
    expect((await read()).answer).toBe('primary')
    expect(router.meter.primaryReads).toEqual(new Map([['alone', 1]]))
  })

  it('takes the replicas in turn', async () => {
    const { read, replicas } = rig(1, 1, 1)
    replicas[1]!.lagMs = 1_000
    const from = []
    for (let time = 0; time < 6; time++) from.push((await read()).answer)
    expect(new Set(from)).toEqual(new Set(['replica-1', 'replica-3']))
  })

  it('opens the breaker beyond the budget and comes back through half-open', async () => {
    const { read, replicas, router, sampleAll } = rig(1)
    await sampleAll(3)
    replicas[0]!.lagMs = 80
    await sampleAll(3)
    replicas[0]!.lagMs = 1
    // The lag is fine again, and the breaker still keeps critical readers away; searches never left.
    expect((await read('critical')).answer).toBe('primary')
    expect((await read('search')).answer).toBe('replica-1')
    await sampleAll(50)
    expect(router.meter.replicas[0]?.breakers.critical).toBe('half-open')
    expect((await read('critical')).answer).toBe('primary')
    await sampleAll(1)
    expect((await read('critical')).answer).toBe('replica-1')
    expect(router.meter.replicas[0]?.openings).toEqual({ critical: 1, search: 0, analytics: 0 })
    expect(router.meter.primaryReads).toEqual(new Map([['breaker', 2]]))
  })

  it('sends a reader with a token to a replica only once it has replayed his write', async () => {
    const { read, replicas, router } = rig(1)
    expect(await read('critical', 101n)).toMatchObject({ answer: 'primary' })
    replicas[0]!.replayed = 101n
    expect(await read('critical', 101n)).toMatchObject({
      answer: 'replica-1',
      freshness: { consistency: 'session', stale: false },
    })
    expect(router.meter.primaryReads).toEqual(new Map([['token', 1]]))
  })

  it('sends him to the replica that has it, whoever comes next in turn', async () => {
    const { read, replicas, router } = rig(1, 1, 1)
    replicas[1]!.replayed = 101n
    const from = []
    for (let time = 0; time < 6; time++) from.push((await read('critical', 101n)).answer)
    expect(new Set(from)).toEqual(new Set(['replica-2']))
    // Where none has it yet, one may still come to have it within the wait; who has no token is sent to all.
    expect(await read('critical', 102n)).toMatchObject({ answer: 'primary' })
    for (let time = 0; time < 3; time++) from.push((await read()).answer)
    expect(new Set(from)).toEqual(new Set(['replica-1', 'replica-2', 'replica-3']))
    expect(router.meter.primaryReads).toEqual(new Map([['token', 1]]))
    replicas[1]!.lagMs = 80
    expect(await read('critical', 101n)).toMatchObject({ answer: 'primary' })
  })

  it('asks the primary where a replica fails', async () => {
    const { read, replicas, router } = rig(1)
    replicas[0]!.fails = true
    expect(await read()).toMatchObject({ answer: 'primary', freshness: { stale: false } })
    expect(router.meter.primaryReads).toEqual(new Map([['failed', 1]]))
  })

  it('answers from the replica least behind where the primary is away, and says so', async () => {
    const { read, replicas, primary } = rig(900, 400)
    primary.fails = true
    expect(await read('critical')).toMatchObject({
      answer: 'replica-2',
      freshness: { source: 'replica-2.events', lagS: 0.4, consistency: 'eventual', stale: true },
    })
    expect(await read('critical', 101n)).toMatchObject({ freshness: { stale: true } })
    primary.away = true
    expect(await read('search')).toMatchObject({ freshness: { stale: false } })
    expect(await read('search', 101n)).toMatchObject({ freshness: { stale: true } })
    for (const replica of replicas) replica.lagMs = Number.POSITIVE_INFINITY
    await expect(read('critical')).rejects.toThrow('broken')
  })

  it('never gives an answer beyond the budget without saying so', async () => {
    const states = fc.record({
      lagMs: fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.constant(Number.POSITIVE_INFINITY)),
      fails: fc.boolean(),
      primaryFails: fc.boolean(),
      away: fc.boolean(),
      samples: fc.integer({ min: 0, max: 60 }),
      readClass: fc.constantFrom('critical' as const, 'search' as const, 'analytics' as const),
      token: fc.option(fc.bigInt({ min: 90n, max: 110n }), { nil: null }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(states, { maxLength: 8 }), async (steps) => {
        const { read, replicas, primary, sampleAll } = rig(1)
        for (const step of steps) {
          replicas[0]!.lagMs = step.lagMs
          replicas[0]!.fails = step.fails
          primary.fails = step.primaryFails
          primary.away = step.away
          await sampleAll(Math.min(step.samples, 4))
          const routed = await read(step.readClass, step.token).catch(() => null)
          if (routed === null) {
            expect(primary.fails).toBe(true)
            continue
          }
          if (routed.answer === 'primary') continue
          const missesToken = step.token !== null && step.token > replicas[0]!.replayed
          const isOld = step.lagMs > BUDGETS_MS[step.readClass]
          expect(routed.freshness.stale).toBe(isOld || missesToken)
          expect(routed.freshness.lagS).toBe(step.lagMs / 1_000)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('what a read demands', () => {
  it('is its class and its token, or what is wrong with them', () => {
    expect(readDemand({}, 'analytics')).toEqual({
      ok: true,
      demand: { readClass: 'analytics', token: null },
    })
    const headers = { 'x-read-class': 'search', 'x-consistency-token': '16/B374D848' }
    expect(readDemand(headers, 'critical')).toEqual({
      ok: true,
      demand: { readClass: 'search', token: 0x16_b374d848n },
    })
    expect(readDemand({ 'x-read-class': 'urgent' }, 'critical')).toMatchObject({ status: 400 })
    expect(readDemand({ 'x-consistency-token': '1' }, 'critical')).toMatchObject({ status: 400 })
  })

  it('names a position of the log as PostgreSQL writes it', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => {
        expect(parseLsn(lsnText(lsn))).toBe(lsn)
      }),
    )
    expect(lsnText(0x16_b374d848n)).toBe('16/B374D848')
    expect([parseLsn(''), parseLsn('1/'), parseLsn('123456789/1'), parseLsn('g/1')]).toEqual([
      null,
      null,
      null,
      null,
    ])
  })
})
