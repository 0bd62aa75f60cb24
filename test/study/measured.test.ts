import { describe, expect, it } from 'vitest'
import type { DriverResult, SegmentResult, Segment } from '../../src/drive/job.ts'
import { Histogram } from '../../src/kit/histogram.ts'
import { Scenario } from '../../src/scenario/scenario.ts'
import { measuredOf } from '../../src/study/measured.ts'
import type { MeasuredInput } from '../../src/study/measured.ts'

const RATES = [100, 200, 400, 800]
const STEP_S = 2

const scenario = Scenario.parse({
  name: 'steps',
  seed: 1,
  rate: { kind: 'steps', ratesPerS: RATES, stepS: STEP_S },
  phases: { warmupS: 1, drainS: 1 },
  slos: [{ metric: 'latency.p99Us', max: 50_000, windowS: STEP_S }],
})

const segments: readonly Segment[] = [
  { name: 'warm-up', kind: 'warmup', fromS: 0, toS: 1, fromPerS: 100, toPerS: 100 },
  ...RATES.map((perS, at): Segment => {
    const fromS = 1 + at * STEP_S
    return {
      name: `step-${at + 1}`,
      kind: 'measure',
      fromS,
      toS: fromS + STEP_S,
      fromPerS: perS,
      toPerS: perS,
    }
  }),
]

const histogram = (us: number, events: number) => {
  const recorded = new Histogram()
  recorded.record(us, events)
  return recorded.encode()
}

function segmentResult(
  segment: Segment,
  { us, toMs }: { us: number; toMs: number },
): SegmentResult {
  const events = ((toMs - segment.fromS * 1_000) / 1_000) * segment.fromPerS
  return {
    name: segment.name,
    kind: segment.kind,
    fromMs: segment.fromS * 1_000,
    toMs,
    dueEvents: events,
    counts: { accepted: events, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 },
    latencyAll: histogram(us, events),
    latencyAccepted: histogram(us, events),
    sendDelay: histogram(1, events),
    serviceTime: histogram(us, events),
    waitedRequests: 0,
    requests: events,
  }
}

interface MeasureOptions {
  readonly lastEndsAtMs?: number
  readonly slos?: Scenario['slos']
  readonly parts?: readonly string[]
  readonly metrics?: Readonly<Record<string, number>>
  readonly explained?: MeasuredInput['explained']
}

/** What was measured where each step's every latency is the one given, µs; a step may end early. */
function measure(latenciesUs: readonly number[], options: MeasureOptions = {}) {
  const results = segments.slice(0, latenciesUs.length + 1).map((segment, at, all) =>
    segmentResult(segment, {
      us: latenciesUs[at - 1] ?? 1_000,
      toMs:
        at === all.length - 1 ? (options.lastEndsAtMs ?? segment.toS * 1_000) : segment.toS * 1_000,
    }),
  )
  const driver: DriverResult = {
    segments: results,
    queries: [
      {
        name: 'Q1',
        atMs: 2_000,
        seconds: 0.5,
        outcome: 'ok',
        rows: 1,
        rowsRead: 7,
        bytesRead: 9,
        stale: true,
        saidLagS: 0.25,
        lacksWrite: false,
        error: null,
      },
      {
        name: 'Q1',
        atMs: 4_000,
        seconds: 1,
        outcome: 'timeout',
        rows: null,
        rowsRead: null,
        bytesRead: null,
        error: 'x',
      },
    ],
    requests: 1,
    stoppedAtMs: null,
    driver: {
      cpuS: 1,
      wallS: 9,
      maxRssBytes: 1,
      pacing: 'metro',
      eventLoopDelayP99Us: 1,
      connectErrors: 0,
      bytesSent: 1,
    },
  }
  const input: MeasuredInput = {
    scenario: { ...scenario, slos: options.slos ?? scenario.slos },
    segments,
    driver,
    breaches: new Map(),
    series: {
      steps: results.map(() => ({})),
      measured: options.metrics ?? {},
      worst: {},
      stepWorst: [{}],
    },
    freshnessBySegment: results.map(() => ({})),
    freshness: [],
    statements: [],
    explained: options.explained ?? new Map(),
    stores: [
      { name: 'postgres.events', rows: 10, heapBytes: 1_000, indexBytes: 500, totalBytes: 1_600 },
    ],
    checkpoints: [],
    faults: [],
    overlapBySegment: [],
    probeCpuCores: 0,
    parts: (options.parts ?? []).map((name) => ({
      name,
      kind: name === 'service' ? ('service' as const) : ('engine' as const),
    })),
    unseenHere: [],
    saturated: () => null,
  }
  return measuredOf(input)
}

describe('parts whose CPU nobody could read', () => {
  it('are named, where there are any', () => {
    const parts = ['service', 'postgres']
    const metrics = { 'cpu.cores{service}': 0 }
    expect(measure([1_000], { parts, metrics })).toMatchObject({
      unseenCpu: ['postgres'],
      parts: [
        { name: 'service', kind: 'service' },
        { name: 'postgres', kind: 'engine' },
      ],
    })
    const both = { ...metrics, 'cpu.cores{postgres}': 0.5 }
    expect(measure([1_000], { parts, metrics: both })).not.toHaveProperty('unseenCpu')
  })
})

describe('what a staircase held', () => {
  it('is its highest step where none broke', () => {
    const measured = measure([1_000, 1_000, 2_000, 3_000])
    expect([measured.sustainedPerS, measured.brokenAtPerS]).toEqual([800, null])
  })

  it('is the step before the first that broke', () => {
    const measured = measure([1_000, 1_000, 60_000, 90_000])
    expect([measured.sustainedPerS, measured.brokenAtPerS]).toEqual([200, 400])
    expect(measured.steps.map((step) => step.brokenSlo?.metric ?? null)).toEqual([
      null,
      null,
      null,
      'latency.p99Us',
      'latency.p99Us',
    ])
  })

  it('ends at the first broken step, even where a faster one looked well again', () => {
    const measured = measure([1_000, 60_000, 2_000, 3_000])
    expect([measured.sustainedPerS, measured.brokenAtPerS]).toEqual([100, 200])
  })

  it('is nothing where the first step broke', () => {
    expect(measure([60_000]).sustainedPerS).toBeNull()
  })

  it('says which SLOs its steps were never measured against', () => {
    const unseen = { metric: 'freshness.p99Us{postgres.event}', max: 1, windowS: STEP_S }
    const slos = [...scenario.slos, unseen]
    const measured = measure([1_000, 1_000, 60_000], { slos })
    expect(measured.unmeasuredSlos).toEqual([
      { ...unseen, because: 'not-measured', ratesPerS: [100, 200] },
    ])
    expect(measure([1_000, 1_000, 60_000]).unmeasuredSlos).toEqual([])
  })

  it('leaves out a step that was cut short', () => {
    const measured = measure([1_000, 1_000, 1_000], { lastEndsAtMs: 6_000 })
    expect(measured.steps.at(-1)?.complete).toBe(false)
    expect([measured.sustainedPerS, measured.brokenAtPerS]).toEqual([200, null])
  })
})

describe('the rest of what was measured', () => {
  const measured = measure([1_000, 1_000])

  it('counts an unanswered query as one that took for ever', () => {
    const [query] = measured.queries
    expect(query).toMatchObject({ name: 'Q1', answered: 1, failed: 1, rowsRead: 7, bytesRead: 9 })
    expect(query).toMatchObject({ staleRatio: 1, saidLagMaxS: 0.25 })
    expect(query).toMatchObject({ compared: 1, lackingRatio: 0 })
    expect(query?.seconds).toMatchObject({ samples: 2, infinite: 1, max: 'infinite' })
    expect(query?.seconds?.p50).toBeCloseTo(0.5, 2)
  })

  it('takes rows and bytes read from the query that was explained, where one was', () => {
    const plan = { planMs: 0.5, nodes: ['Aggregate', 'Seq Scan'] }
    const [query] = measure([1_000], {
      explained: new Map([['Q1', { rowsRead: 70, bytesRead: 8_192, plan }]]),
    }).queries
    expect(query).toMatchObject({ rowsRead: 70, bytesRead: 8_192, plan })
    expect(measured.queries[0]).not.toHaveProperty('plan')
  })

  it('divides what is on disk by the rows that are there', () => {
    expect(measured.metrics).toMatchObject({
      'store.bytesPerEvent{postgres.events}': 160,
      'store.heapBytesPerEvent{postgres.events}': 100,
      'store.indexBytesPerEvent{postgres.events}': 50,
    })
  })

  it('gives each step the queries answered within it', () => {
    expect(measured.steps[1]?.metrics['query.seconds{Q1}']).toBe(0.5)
    expect(measured.steps[0]?.metrics['query.seconds{Q1}']).toBeUndefined()
  })
})
