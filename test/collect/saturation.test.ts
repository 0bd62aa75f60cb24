import { describe, expect, it } from 'vitest'
import { expectedWaitRatio, saturation } from '../../src/collect/saturation.ts'
import type { SaturationInput } from '../../src/collect/saturation.ts'
import type { Percentiles, Step } from '../../src/results/record.ts'

const PARTS = [
  { name: 'service', kind: 'service', coresMax: 1 },
  { name: 'postgres', kind: 'engine' },
  { name: 'driver', kind: 'driver' },
  { name: 'harness', kind: 'harness' },
] as const

/** A machine at ease: whatever a case changes is the only thing wrong. */
const CALM = {
  'machine.idleCores': 2.5,
  'machine.foreignCores': 0.1,
  'machine.stealRatio': 0.001,
  'machine.iowaitCores': 0.05,
  'driver.cpuCores': 0.2,
  'cpu.cores{service}': 0.4,
  'cpu.cores{postgres}': 0.5,
}

interface StepChange extends Omit<Partial<Step>, 'metrics'> {
  readonly metrics?: Readonly<Record<string, number>>
}

const SLOW_P99: Step['brokenSlo'] = {
  metric: 'latency.p99Us',
  max: 50_000,
  value: 180_000,
  atMs: 9_000,
}

function step(ratePerS: number, change: StepChange = {}): Step {
  const events = ratePerS * 5
  return {
    name: `${String(ratePerS)}/s`,
    kind: 'measure',
    fromMs: 0,
    toMs: 5_000,
    targetPerS: ratePerS,
    dueEvents: events,
    counts: { accepted: events, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 },
    acceptedPerS: ratePerS,
    latencyUs: times(1_000, 8_000),
    latencyAcceptedUs: times(1_000, 8_000),
    sendDelayUs: times(6, 300),
    serviceTimeUs: times(1_000, 8_000),
    freshnessUs: {},
    waitedRatio: 0,
    brokenSlo: null,
    complete: true,
    ...change,
    metrics: { ...CALM, ...change.metrics },
  }
}

function times(p50: number, p99: number): Percentiles {
  const quantiles = { p50, p90: p99, p99, p999: p99, max: p99 }
  return { samples: 10_000, infinite: 0, ...quantiles, histogram: null }
}

function verdict(
  steps: readonly Step[],
  context: Partial<SaturationInput> = {},
): ReturnType<typeof saturation> {
  return saturation({
    steps,
    parts: PARTS,
    cores: 4,
    unseenHere: [],
    connections: 64,
    batchEvents: 1,
    ...context,
  })
}

describe('saturation', () => {
  it('is nobody while every limit holds, however busy the service is', () => {
    const busy = { 'cpu.cores{service}': 0.97, 'machine.idleCores': 0 }
    expect(verdict([step(500), step(1_000, { metrics: busy })])).toBeNull()
  })

  it('is nobody when a limit broke and no figure says why', () => {
    expect(verdict([step(500), step(1_000, { brokenSlo: SLOW_P99 })])).toBeNull()
  })

  it('does not look at the warm-up', () => {
    expect(
      verdict([step(500, { kind: 'warmup', brokenSlo: SLOW_P99, waitedRatio: 0.5 })]),
    ).toBeNull()
    expect(verdict([])).toBeNull()
  })

  it('is the service when its event loop has no rest, and the sentence says so', () => {
    const found = verdict([
      step(500),
      step(1_000, { brokenSlo: SLOW_P99, metrics: { 'cpu.cores{service}': 0.96 } }),
    ])
    expect(found).toEqual({
      by: 'service',
      evidence: 'at 1,000 events/s service used 0.96 of its 1 core',
    })
  })

  it('is no event loop where the service is the user’s own: it may have as many cores as there are', () => {
    const own = [{ name: 'service', kind: 'service' }] as const
    const using = (cores: number) =>
      verdict(
        [step(500), step(1_000, { brokenSlo: SLOW_P99, metrics: { 'cpu.cores{service}': cores } })],
        { parts: own },
      )
    expect(using(1.7)).toBeNull()
    expect(using(3.7)).toEqual({
      by: 'service',
      evidence: 'at 1,000 events/s service used 3.7 of its 4 cores',
    })
  })

  it('is the engine when it has used up the cores its container may use', () => {
    const parts = [{ name: 'clickhouse', kind: 'engine', coresMax: 2 }] as const
    const full = { 'cpu.cores{clickhouse}': 1.95 }
    expect(
      verdict([step(500), step(1_000, { brokenSlo: SLOW_P99, metrics: full })], { parts }),
    ).toEqual({ by: 'engine', evidence: 'at 1,000 events/s clickhouse used 1.95 of its 2 cores' })
  })

  it('is nobody when the cores went to processes that may be an unseen service', () => {
    const metrics = { 'machine.foreignCores': 3.1, 'machine.idleCores': 0.02 }
    const steps = [step(500), step(1_000, { brokenSlo: SLOW_P99, metrics })]
    expect(verdict(steps)?.by).toBe('machine')
    expect(verdict(steps, { unseenHere: ['the service'] })).toBeNull()
  })

  it('is the service and not the connections when slow answers keep them busy', () => {
    const full = step(1_000, {
      brokenSlo: SLOW_P99,
      waitedRatio: 0.4,
      serviceTimeUs: times(40_000, 90_000),
      metrics: { 'cpu.cores{service}': 0.96 },
    })
    expect(verdict([step(500), full])?.by).toBe('service')
  })

  it('is the driver when its core is full', () => {
    const found = verdict([
      step(500),
      step(20_000, { brokenSlo: SLOW_P99, metrics: { 'driver.cpuCores': 0.97 } }),
    ])
    expect(found?.by).toBe('driver')
    expect(found?.evidence).toContain('0.97')
  })

  it('is the driver when half of the allowed latency is its own delay on a machine with idle cores', () => {
    const late = step(1_000, { brokenSlo: SLOW_P99, sendDelayUs: times(10, 60_000) })
    expect(verdict([step(500), late])?.by).toBe('driver')
    const starved = { ...late, metrics: { ...late.metrics, 'machine.idleCores': 0.05 } }
    expect(verdict([step(500), starved])?.by).toBe('machine')
  })

  it('forgives the driver a delay that is small beside the limit', () => {
    const late = step(1_000, { brokenSlo: SLOW_P99, sendDelayUs: times(10, 20_000) })
    expect(verdict([step(500), late])).toBeNull()
  })

  it('is the pool when too few connections are there for a service that is not slow, broken limit or not', () => {
    const waiting = { waitedRatio: 0.3, serviceTimeUs: times(1_000, 8_000) }
    const found = verdict([step(1_000), step(2_000, waiting)], { connections: 2 })
    expect(found?.by).toBe('pool')
    expect(found?.evidence).toContain('30 % of requests waited for one of 2 connections')
    expect(verdict([step(1_000), step(2_000, waiting)], { connections: 64 })).toBeNull()
  })

  it('counts requests, not events, against the connections', () => {
    const waiting = { waitedRatio: 0.02 }
    const steps = [step(1_000, waiting)]
    expect(verdict(steps, { connections: 2, batchEvents: 1 })?.by).toBe('pool')
    expect(verdict(steps, { connections: 2, batchEvents: 100 })).toBeNull()
  })

  it('is the engine when sessions queue for a lock that nobody queued for before', () => {
    const queue = { 'waits.sessions{LWLock:WALWrite}': 4.2 }
    const found = verdict([step(500), step(1_000, { brokenSlo: SLOW_P99, metrics: queue })])
    expect(found?.by).toBe('engine')
    expect(found?.evidence).toContain('4.2 sessions of postgres waited for LWLock:WALWrite')
    const always = [
      step(500, { metrics: queue }),
      step(1_000, { brokenSlo: SLOW_P99, metrics: queue }),
    ]
    expect(verdict(always)).toBeNull()
  })

  it('is no engine when its sessions wait for their client', () => {
    const idle = { 'waits.sessions{Client:ClientRead}': 30 }
    expect(verdict([step(500), step(1_000, { brokenSlo: SLOW_P99, metrics: idle })])).toBeNull()
  })

  it('is the engine when it refuses inserts, waits for the disk or takes all cores', () => {
    for (const metrics of [
      { 'inserts.rejected': 12 },
      { 'inserts.delayed': 40 },
      { 'machine.iowaitCores': 2.4 },
      { 'cpu.cores{postgres}': 3.8 },
    ]) {
      expect(verdict([step(500), step(1_000, { brokenSlo: SLOW_P99, metrics })])?.by).toBe('engine')
    }
  })

  it('is the machine when others or the hypervisor take the cores', () => {
    for (const metrics of [
      { 'machine.stealRatio': 0.2 },
      { 'machine.foreignCores': 1.8, 'machine.idleCores': 0.02, 'cpu.cores{service}': 0.95 },
    ]) {
      expect(verdict([step(500), step(1_000, { brokenSlo: SLOW_P99, metrics })])?.by).toBe(
        'machine',
      )
    }
  })

  it('is the machine, with the shares named, when no core is idle and no part is at its own limit', () => {
    const shared = {
      'machine.idleCores': 0.1,
      'cpu.cores{postgres}': 2.4,
      'cpu.cores{service}': 0.8,
      'cpu.cores{driver}': 0.5,
    }
    const found = verdict([step(500), step(1_000, { brokenSlo: SLOW_P99, metrics: shared })])
    expect(found).toEqual({
      by: 'machine',
      evidence:
        'at 1,000 events/s all 4 cores were busy (postgres 2.4, service 0.8, driver 0.5) and no part was at a limit of its own',
    })
  })

  it('is the queries when events were late while they ran, all through the run slower, and nobody else was full', () => {
    const held = { 'query.bursts': 3, 'query.slowerBursts': 3 }
    const late = {
      ...{ 'query.dueRatio': 0.2, 'query.lateRatio': 0.9, 'query.lateRatio{Q1}': 0.9 },
      ...{ 'query.lateRatio{Q4}': 0.1, 'query.bursts': 2, 'query.slowerBursts': 2 },
    }
    const broken = step(1_000, { brokenSlo: SLOW_P99, metrics: late })
    expect(verdict([step(500, { metrics: held }), broken])).toEqual({
      by: 'queries',
      evidence:
        'at 1,000 events/s 90 % of the late events fell due while Q1 ran, of all events 20 %; events were 5 of 5 times slower during queries than in the pause before (by chance 3.13 %)',
    })
    const full = { ...late, 'machine.idleCores': 0 }
    const starved = step(1_000, { brokenSlo: SLOW_P99, metrics: full })
    expect(verdict([step(500, { metrics: held }), starved])?.by).toBe('machine')
    const notSlower = { 'query.bursts': 3, 'query.slowerBursts': 2 }
    expect(verdict([step(500, { metrics: notSlower }), broken])).toBeNull()
  })

  it('says nothing where nothing was sampled', () => {
    const blind: Step = {
      ...step(1_000, { brokenSlo: SLOW_P99 }),
      metrics: {},
      serviceTimeUs: null,
    }
    expect(verdict([blind])).toBeNull()
  })
})

describe('expectedWaitRatio', () => {
  it('agrees with published values of Erlang C', () => {
    // c = 1: the load itself. c = 2, a = 1: 1/3. c = 10, a = 8: 0.409 (any Erlang C table).
    expect(expectedWaitRatio(1, 0.3)).toBeCloseTo(0.3, 12)
    expect(expectedWaitRatio(2, 1)).toBeCloseTo(1 / 3, 12)
    expect(expectedWaitRatio(10, 8)).toBeCloseTo(0.409, 3)
  })

  it('is certain once there is more work than connections', () => {
    expect(expectedWaitRatio(4, 4)).toBe(1)
    expect(expectedWaitRatio(64, 20)).toBeLessThan(1e-6)
  })
})
