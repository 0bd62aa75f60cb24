import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FaultSpan, Taken } from '../../src/collect/recovery.ts'
import { RecoveryFold } from '../../src/collect/recovery.ts'
import type { SegmentResult } from '../../src/drive/job.ts'
import type { FaultSeen } from '../../src/results/fault-record.ts'
import type { SeriesLine } from '../../src/results/record.ts'

const SECONDS = 30
const segments = [
  { kind: 'warmup', fromMs: 0, toMs: 2_000 },
  { kind: 'measure', fromMs: 2_000, toMs: 2_000 + SECONDS * 1_000 },
] as unknown as readonly SegmentResult[]

const fault = (fromMs: number, toMs: number): FaultSpan => ({
  name: 'kill -9 of service',
  kind: 'kill',
  on: 'service',
  fromMs,
  toMs,
  failed: null,
})

/** A second of 100 events/s; `bad` ones fail events and take long. */
function second(t: number, state: 'calm' | 'failing' | 'slow' | 'silent'): SeriesLine {
  const v: Record<string, number> = {
    'rate.dueEventsPerS': 100,
    'rate.acceptedEventsPerS': 100,
    'rate.notAcceptedEventsPerS': 0,
    'outcome.notAcceptedRatio': 0,
    'latency.p99Us': 10_000,
  }
  if (state === 'failing') {
    v['rate.acceptedEventsPerS'] = 0
    v['rate.notAcceptedEventsPerS'] = 100
    v['outcome.notAcceptedRatio'] = 1
    delete v['latency.p99Us']
  }
  if (state === 'slow') v['latency.p99Us'] = 2_000_000
  if (state === 'silent') {
    v['rate.acceptedEventsPerS'] = 0
    delete v['latency.p99Us']
    delete v['outcome.notAcceptedRatio']
  }
  return { t, v }
}

function seenIn(
  faults: readonly FaultSpan[],
  stateAt: (t: number) => Parameters<typeof second>[1],
  more: readonly SeriesLine[] = [],
  taken: readonly Taken[] = [],
): readonly FaultSeen[] {
  const fold = new RecoveryFold(faults, segments, taken)
  const lines = Array.from({ length: SECONDS + 2 }, (_, at) =>
    second((at + 1) * 1_000, stateAt((at + 1) * 1_000)),
  )
  for (const line of [...lines, ...more].sort((a, b) => a.t - b.t)) fold.add(line)
  return fold.finish()
}

describe('the recovery from a fault', () => {
  it('says that nobody noticed where every second stayed calm', () => {
    const [seen] = seenIn([fault(10_000, 13_000)], () => 'calm')
    expect(seen).toMatchObject({
      noticedMs: null,
      // Nobody polled a store: there is no backlog to wait for.
      drainedMs: 0,
      wholeMs: 0,
      notAcceptedEvents: 0,
      worstP99Us: 10_000,
      calm: { p99Us: 10_000, backlogEventsMax: null },
    })
  })

  it('is timed from begin and end, and counts what was not accepted', () => {
    const [seen] = seenIn([fault(10_500, 13_500)], (t) =>
      t > 11_000 && t <= 16_000 ? 'failing' : 'calm',
    )
    expect(seen).toMatchObject({ noticedMs: 1_500, wholeMs: 2_500, notAcceptedEvents: 500 })
  })

  it.each(['slow', 'silent'] as const)('notices seconds that are %s', (state) => {
    const [seen] = seenIn([fault(10_500, 13_500)], (t) => (t === 14_000 ? state : 'calm'))
    expect(seen).toMatchObject({ noticedMs: 3_500, wholeMs: 500, notAcceptedEvents: 0 })
  })

  it('is not within the run where the last second was still bad', () => {
    const [seen] = seenIn([fault(20_500, 22_500)], (t) => (t > 21_000 ? 'slow' : 'calm'))
    expect(seen?.wholeMs).toBeNull()
  })

  it('takes what several stores tell at one moment together', () => {
    const looks = [4_000, 12_000, 14_000].map((t) => ({
      t,
      v: {
        'backlog.events{first}': t === 12_000 ? 90 : 0,
        'backlog.events{second}': t === 12_000 ? 80 : 0,
      },
    }))
    const [seen] = seenIn([fault(10_000, 11_000)], () => 'calm', looks)
    expect(seen).toMatchObject({ backlogEventsMax: 90, drainedMs: 1_000 })
  })

  it('does not wait for what died with what was killed, and for nothing else', () => {
    const looks = [4_000, 12_000, 14_000, 20_000, 40_000].map((t) => ({
      t,
      v: { 'backlog.events{staging}': t < 10_000 ? 0 : 500, 'backlog.events{other}': 0 },
    }))
    const drained = (store: string, events: number, by: string | null = 'service') =>
      seenIn([fault(10_000, 13_000)], () => 'calm', looks, [{ store, events, by: [by] }])[0]
    expect(drained('staging', 500)).toMatchObject({ drainedMs: 0, noticedMs: 2_000 })
    expect(drained('staging', 400)?.drainedMs).toBeNull()
    expect(drained('other', 500)?.drainedMs).toBeNull()
    // Of another part, and of a restore that was none of this run's faults.
    expect(drained('staging', 500, 'postgres')?.drainedMs).toBeNull()
    expect(drained('staging', 500, null)?.drainedMs).toBeNull()
    // A part that only stood still took nothing.
    const frozen = { ...fault(10_000, 13_000), kind: 'freeze' as const }
    const taken = [{ store: 'staging', events: 500, by: ['service'] }]
    expect(seenIn([frozen], () => 'calm', looks, taken)[0]?.drainedMs).toBeNull()
  })

  it('takes it from the fault that took it, and from none before', () => {
    const looks = [4_000, 12_000, 14_000, 22_000, 24_000, 32_000].map((t) => ({
      t,
      v: { 'backlog.events{staging}': t < 10_000 ? 0 : t < 20_000 ? 300 : 500 },
    }))
    const other = { ...fault(8_000, 9_000), on: 'cache', name: 'kill -9 of cache' }
    const taken = [{ store: 'staging', events: 500, by: ['service'] }]
    const [cache, service] = seenIn([other, fault(20_000, 21_000)], () => 'calm', looks, taken)
    expect(cache).toMatchObject({ noticedMs: 4_000, drainedMs: null, backlogEventsMax: 300 })
    expect(service).toMatchObject({ noticedMs: null, drainedMs: 0 })
  })

  it('waits for backlogs that drain after every answer is quick again', () => {
    const backlog = (t: number, events: number): SeriesLine => ({
      t,
      v: { 'backlog.events{sink}': events },
    })
    const looks = [
      backlog(5_000, 40),
      backlog(12_000, 900),
      backlog(19_000, 300),
      backlog(20_000, 30),
      backlog(40_000, 0),
    ]
    const [seen] = seenIn([fault(10_000, 13_000)], () => 'calm', looks)
    expect(seen).toMatchObject({
      noticedMs: 2_000,
      drainedMs: 6_000,
      wholeMs: 0,
      backlogEventsMax: 900,
      calm: { backlogEventsMax: 40 },
    })
  })

  it('judges each of two faults by the stretch up to the next', () => {
    const [first, second] = seenIn([fault(8_000, 10_000), fault(20_000, 22_000)], (t) =>
      t > 20_000 && t <= 23_000 ? 'failing' : 'calm',
    )
    expect(first).toMatchObject({ noticedMs: null, notAcceptedEvents: 0, wholeMs: 0 })
    expect(second).toMatchObject({ noticedMs: 1_000, notAcceptedEvents: 300, wholeMs: 1_000 })
  })

  it('judges one that begins while another lasts together with it', () => {
    const lines = [
      { t: 9_000, v: { 'waits.sessions{Lock:advisory}': 1 } },
      { t: 12_000, v: { 'waits.sessions{Lock:advisory}': 7 } },
    ]
    const seen = seenIn(
      [fault(10_000, 14_000), fault(11_000, 12_500), fault(20_000, 21_000)],
      (t) => (t > 10_000 && t <= 15_000 ? 'failing' : 'calm'),
      lines,
    )
    expect(seen.map(({ wholeMs }) => wholeMs)).toEqual([1_000, 2_500, 0])
    expect(seen.map(({ noticedMs }) => noticedMs)).toEqual([1_000, 1_000, null])
    const moved = { metric: 'waits.sessions{Lock:advisory}', before: 1, highest: 7, last: 7 }
    expect(seen.map((one) => one.moved)).toEqual([[moved], [moved], []])
  })

  it('names the gauges of the target that rose, not those of the machine', () => {
    const gauges = (t: number, lag: number): SeriesLine => ({
      t,
      v: { 'table.deadRows{events}': lag, 'cpu.cores{service}': lag, 'store.rows{x}': lag },
    })
    const looks = [gauges(5_000, 3), gauges(12_000, 90), gauges(30_000, 4)]
    const [seen] = seenIn([fault(10_000, 13_000)], () => 'calm', looks)
    expect(seen?.moved).toEqual([
      { metric: 'table.deadRows{events}', before: 3, highest: 90, last: 4 },
    ])
  })

  it('calls nothing strange that was refused before as well', () => {
    const refusing = (t: number): SeriesLine => ({
      t,
      v: { ...second(t, 'calm').v, 'outcome.notAcceptedRatio': t === 12_000 ? 0.4 : 0.05 },
    })
    const fold = new RecoveryFold([fault(10_000, 13_000)], segments)
    for (let t = 1_000; t <= 32_000; t += 1_000) fold.add(refusing(t))
    expect(fold.finish()[0]).toMatchObject({ noticedMs: 2_000, wholeMs: 0 })
  })

  it('never calls whole what was bad later than that', () => {
    const run = fc.record({
      from: fc.integer({ min: 6, max: 14 }),
      length: fc.integer({ min: 1, max: 5 }),
      bad: fc.uniqueArray(fc.integer({ min: 3, max: 32 }), { maxLength: 8 }),
    })
    fc.assert(
      fc.property(run, ({ from, length, bad }) => {
        const put = fault(from * 1_000 + 500, (from + length) * 1_000 + 500)
        const [seen] = seenIn([put], (t) => (bad.includes(t / 1_000) ? 'failing' : 'calm'))
        const after = bad.map((at) => at * 1_000).filter((t) => t > put.fromMs)
        expect(seen?.notAcceptedEvents).toBe(after.length * 100)
        expect(seen?.noticedMs).toBe(after.length === 0 ? null : Math.min(...after) - put.fromMs)
        const last = Math.max(0, ...after)
        if (last === 32_000) expect(seen?.wholeMs).toBeNull()
        else expect(seen?.wholeMs).toBe(Math.max(0, last - put.toMs))
      }),
    )
  })
})
