import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { summarise } from '../../src/collect/summary.ts'
import type { SegmentResult } from '../../src/drive/job.ts'
import type { SeriesLine } from '../../src/results/record.ts'
import type { Slo } from '../../src/scenario/scenario.ts'

const NO_TIMES = { hdr: '', count: 0, infinite: 0 }

function segment(fromMs: number, toMs: number, change: Partial<SegmentResult> = {}): SegmentResult {
  const events = 1_000
  return {
    name: String(fromMs),
    kind: 'measure',
    fromMs,
    toMs,
    dueEvents: events,
    counts: { accepted: events, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 },
    latencyAll: NO_TIMES,
    latencyAccepted: NO_TIMES,
    sendDelay: NO_TIMES,
    serviceTime: NO_TIMES,
    waitedRequests: 0,
    requests: events,
    ...change,
  }
}

const NO_SLOS: readonly Slo[] = []

describe('summarise', () => {
  it('splits a counter at the borders of steps, where no sample falls', () => {
    const lines: SeriesLine[] = [
      { t: -300, v: { 'wal.bytes': 1_000 } },
      { t: 700, v: { 'wal.bytes': 2_000 } },
      { t: 1_700, v: { 'wal.bytes': 6_000 } },
      { t: 2_700, v: { 'wal.bytes': 6_000 } },
    ]
    const { steps, measured } = summarise(lines, {
      segments: [segment(0, 1_000), segment(1_000, 2_000)],
      slos: NO_SLOS,
    })
    // 700 bytes of the first second's 1,000, and 3/10 of the 4,000 of the next.
    expect(steps[0]?.['wal.bytes']).toBeCloseTo(1_900, 6)
    expect(steps[0]?.['wal.bytesPerS']).toBeCloseTo(1_900, 6)
    expect(steps[1]?.['wal.bytes']).toBeCloseTo(2_800, 6)
    expect(measured['wal.bytes']).toBeCloseTo(4_700, 6)
    expect(measured['wal.bytesPerS']).toBeCloseTo(2_350, 6)
  })

  it('keeps what a counter grew by, however the time is cut into steps', () => {
    const growths = fc.array(fc.integer({ min: 0, max: 1_000_000 }), {
      minLength: 3,
      maxLength: 40,
    })
    const cuts = fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { maxLength: 6 })
    fc.assert(
      fc.property(growths, cuts, (grown, at) => {
        let total = 0
        const lines = grown.map((by, index) => ({
          t: index * 1_000,
          v: { 'wal.bytes': (total += by) },
        }))
        const endMs = (grown.length - 1) * 1_000
        const borders = [0, ...at.map((share) => share * endMs).sort((a, b) => a - b), endMs]
        const segments = borders
          .slice(1)
          .map((toMs, index) => segment(borders[index] ?? 0, toMs))
          .filter(({ fromMs, toMs }) => toMs > fromMs)
        const { steps } = summarise(lines, { segments, slos: NO_SLOS })
        const sum = steps.reduce((all, step) => all + (step['wal.bytes'] ?? NaN), 0)
        const expected = total - (grown[0] ?? 0)
        expect(Math.abs(sum - expected)).toBeLessThanOrEqual(expected * 1e-6 + 1e-6)
      }),
    )
  })

  it('takes the mean of a gauge over time, not over samples', () => {
    const lines: SeriesLine[] = [
      { t: 0, v: { 'parts.active{events}': 10 } },
      { t: 1_000, v: { 'parts.active{events}': 10 } },
      { t: 1_100, v: { 'parts.active{events}': 100 } },
      { t: 1_200, v: { 'parts.active{events}': 100 } },
      { t: 1_300, v: { 'parts.active{events}': 10 } },
      { t: 4_000, v: { 'parts.active{events}': 10 } },
    ]
    const { steps } = summarise(lines, { segments: [segment(0, 4_000)], slos: NO_SLOS })
    expect(steps[0]?.['parts.active{events}']).toBeCloseTo(10 + (90 * 200) / 4_000, 6)
  })

  it('keeps the mean of a gauge between its lowest and its highest sample', () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), {
      minLength: 4,
      maxLength: 30,
    })
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 900 }), (gauges, offset) => {
        const lines = gauges.map((v, index) => ({ t: index * 1_000, v: { 'merges.running': v } }))
        const toMs = (gauges.length - 2) * 1_000 + offset
        const { steps } = summarise(lines, { segments: [segment(offset, toMs)], slos: NO_SLOS })
        const mean = steps[0]?.['merges.running'] ?? NaN
        expect(mean).toBeGreaterThanOrEqual(Math.min(...gauges) - 1e-3)
        expect(mean).toBeLessThanOrEqual(Math.max(...gauges) + 1e-3)
      }),
    )
  })

  it('leaves out what was not sampled, or for too little of the step: never 0', () => {
    const lines: SeriesLine[] = [
      { t: 0, v: { 'merges.running': 1 } },
      { t: 500, v: { 'merges.running': 1 } },
    ]
    const { steps, worst } = summarise(lines, {
      segments: [segment(0, 1_000), segment(1_000, 2_000)],
      slos: NO_SLOS,
    })
    expect(steps[0]).not.toHaveProperty('merges.running')
    expect(steps[1]).not.toHaveProperty('merges.running')
    expect(steps[0]).not.toHaveProperty('wal.bytesPerEvent')
    expect(worst).toEqual({})
  })

  it('does not guess what happened while a probe was silent for long', () => {
    const lines: SeriesLine[] = [
      { t: 0, v: { 'merges.running': 1 } },
      { t: 60_000, v: { 'merges.running': 9 } },
    ]
    const { steps } = summarise(lines, { segments: [segment(0, 60_000)], slos: NO_SLOS })
    expect(steps[0]).not.toHaveProperty('merges.running')
  })

  it('counts on from zero after an engine was started again', () => {
    const lines: SeriesLine[] = [0, 1_000, 2_000, 3_000].map((t, at) => ({
      t,
      v: { 'wal.bytes': [5_000, 6_000, 300, 800][at] ?? 0 },
    }))
    const { steps } = summarise(lines, { segments: [segment(0, 3_000)], slos: NO_SLOS })
    expect(steps[0]?.['wal.bytes']).toBeCloseTo(1_000 + 300 + 500, 6)
  })

  it('takes full-page images apart and divides by accepted events', () => {
    const lines: SeriesLine[] = [0, 10_000].map((t) => ({
      t,
      v: {
        'wal.bytes': t * 60,
        'wal.fpiBytes': t * 10,
        'cpu.seconds{service}': t / 20_000,
        'parts.created': t / 100,
        'inserts.statements': t / 200,
      },
    }))
    const accepted = {
      accepted: 1_000,
      duplicate: 500,
      rejected: 0,
      shed: 0,
      unknown: 0,
      dropped: 0,
    }
    const { steps } = summarise(lines, {
      segments: [segment(0, 10_000, { counts: accepted, dueEvents: 1_500 })],
      slos: NO_SLOS,
    })
    expect(steps[0]).toMatchObject({
      'wal.bytesPerS': 60_000,
      'wal.bytesPerEvent': 500,
      'wal.totalBytesPerEvent': 600,
      'wal.fpiBytesPerEvent': 100,
      'cpu.cores{service}': 0.05,
      'cpu.msPer1000Events{service}': 500,
      'parts.perInsert': 2,
      'rate.acceptedEventsPerS': 150,
    })
  })

  it('says the total per event where full-page images cannot be told apart, nothing where nothing was accepted', () => {
    const lines: SeriesLine[] = [0, 1_000].map((t) => ({
      t,
      v: { 'wal.bytes': t, 'cpu.seconds{s}': t },
    }))
    const none = { accepted: 0, duplicate: 0, rejected: 0, shed: 1_000, unknown: 0, dropped: 0 }
    const { steps } = summarise(lines, {
      segments: [segment(0, 500), segment(500, 1_000, { counts: none })],
      slos: NO_SLOS,
    })
    expect(steps[0]).not.toHaveProperty('wal.bytesPerEvent')
    expect(steps[0]?.['wal.totalBytesPerEvent']).toBeCloseTo(0.5, 6)
    expect(steps[1]).not.toHaveProperty('wal.totalBytesPerEvent')
    expect(steps[1]).not.toHaveProperty('cpu.msPer1000Events{s}')
    expect(steps[1]?.['outcome.notAcceptedRatio']).toBe(1)
  })

  it('takes the share of HOT updates from what was updated within the step, not since the server began', () => {
    const lines = [0, 1_000, 2_000].map((t, at): SeriesLine => ({
      t,
      v: {
        'table.updates{outbox}': 5_000 + at * 1_000,
        'table.hotUpdates{outbox}': 5_000 + at * 250,
        'table.deletes{outbox}': at * 500,
        'table.updates{quiet}': 40,
        'table.hotUpdates{quiet}': 40,
      },
    }))
    const { measured } = summarise(lines, { segments: [segment(0, 2_000)], slos: NO_SLOS })
    expect(measured['table.hotUpdateRatio{outbox}']).toBe(0.25)
    expect(measured['table.updatedRowsPerEvent{outbox}']).toBe(2)
    expect(measured['table.deletedRowsPerEvent{outbox}']).toBe(1)
    expect(measured['table.updatedRowsPerEvent{quiet}']).toBe(0)
    expect(measured).not.toHaveProperty('table.hotUpdateRatio{quiet}')
  })

  it('takes the driver’s own counts before the means of its seconds', () => {
    const lines: SeriesLine[] = [0, 1_000, 2_000].map((t) => ({
      t,
      v: { 'rate.acceptedEventsPerS': 7, 'latency.p99Us': 5_000, 'connection.waitedRatio': 0.9 },
    }))
    const counts = {
      accepted: 600,
      duplicate: 200,
      rejected: 50,
      shed: 100,
      unknown: 20,
      dropped: 30,
    }
    const { steps } = summarise(lines, {
      segments: [segment(0, 2_000, { counts, waitedRequests: 10 })],
      slos: NO_SLOS,
    })
    expect(steps[0]).toEqual({
      'connection.waitedRatio': 0.01,
      'outcome.droppedRatio': 0.03,
      'outcome.notAcceptedRatio': 0.2,
      'rate.acceptedEventsPerS': 400,
      'rate.dueEventsPerS': 500,
      'rate.sentEventsPerS': 485,
    })
  })

  it('measures over the measured segments only', () => {
    const lines: SeriesLine[] = [0, 1_000, 2_000, 3_000].map((t) => ({
      t,
      v: { 'merges.running': t < 1_500 ? 50 : 2 },
    }))
    const { measured, worst } = summarise(lines, {
      segments: [segment(0, 1_000, { kind: 'warmup' }), segment(2_000, 3_000)],
      slos: [{ metric: 'merges.running', max: 10, windowS: 1 }],
    })
    expect(measured['merges.running']).toBe(2)
    expect(worst['merges.running']).toBe(2)
  })

  it('takes a wait event that is not reported for one that nobody waits for', () => {
    const lines: SeriesLine[] = Array.from({ length: 11 }, (_, second) => ({
      t: second * 1_000,
      v: {
        'probe.ms{postgres.waits}': 1,
        ...(second === 5 ? { 'waits.sessions{IO:WalSync}': 4 } : {}),
      },
    }))
    const { steps } = summarise(lines, { segments: [segment(0, 10_000)], slos: NO_SLOS })
    // A triangle of height 4 over two seconds.
    expect(steps[0]?.['waits.sessions{IO:WalSync}']).toBeCloseTo(0.4, 9)
  })
})

describe('the worst window', () => {
  const lines: SeriesLine[] = Array.from({ length: 20 }, (_, second) => ({
    t: second * 1_000,
    v: {
      'backlog.events{s}': second === 7 ? 9_000 : second >= 10 && second <= 12 ? 500 : 10,
      'buffers.hitRatio': second >= 10 && second <= 12 ? 0.2 : 0.99,
    },
  }))
  const segments = [segment(0, 2_000, { kind: 'warmup' }), segment(2_000, 19_000)]

  it('is one that lasted, not one odd sample', () => {
    const { worst } = summarise(lines, { segments, slos: NO_SLOS })
    expect(worst['backlog.events{s}']).toBe(500)
  })

  it('is the lowest where more is better', () => {
    expect(summarise(lines, { segments, slos: NO_SLOS }).worst['buffers.hitRatio']).toBe(0.2)
  })

  it('is as long as the limit that names the metric says', () => {
    const slos = [{ metric: 'backlog.events{s}', max: 100, windowS: 1 }]
    expect(summarise(lines, { segments, slos }).worst['backlog.events{s}']).toBe(9_000)
    const long = [{ metric: 'backlog.events{s}', max: 100, windowS: 60 }]
    expect(summarise(lines, { segments, slos: long }).worst).not.toHaveProperty('backlog.events{s}')
  })
})
