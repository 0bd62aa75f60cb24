import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DriverWindow, QueryResult } from '../../src/drive/job.ts'
import { liveSlo, sloBroken, stepBreach, stepValue } from '../../src/judge/slo.ts'
import type { SloBreach, SloView } from '../../src/judge/slo.ts'
import { Slo } from '../../src/scenario/scenario.ts'
import { measuredOf, studyFixture } from '../fixtures/study.ts'

const P99 = Slo.parse({ metric: 'latency.p99Us', max: 50_000, windowS: 3 })

interface WindowInput {
  readonly due?: number
  readonly accepted?: number
  readonly rejected?: number
  readonly shed?: number
  readonly unknown?: number
  readonly dropped?: number
  readonly p50Us?: number | null
  readonly p99Us?: number | null
  readonly inFlight?: number
}

function windowAt(atS: number, input: WindowInput = {}): DriverWindow {
  const { due = 1000, rejected = 0, shed = 0, unknown = 0, dropped = 0 } = input
  const accepted = input.accepted ?? due - rejected - shed - unknown - dropped
  return {
    atMs: atS * 1e3,
    dueEvents: due,
    sentEvents: due - dropped,
    counts: { accepted, duplicate: 0, rejected, shed, unknown, dropped },
    inFlightRequests: input.inFlight ?? 2,
    latencyP50Us: input.p50Us === undefined ? 2_000 : input.p50Us,
    latencyP99Us: input.p99Us === undefined ? 9_000 : input.p99Us,
    sendDelayP99Us: 100,
    driverCpuRatio: 0.2,
    eventLoopDelayP99Us: 900,
  }
}

function viewOf(windows: readonly DriverWindow[], view: Partial<SloView> = {}): SloView {
  return { windows, before: { dueEvents: 0, endedEvents: 0 }, queries: [], samples: [], ...view }
}

function play(slos: readonly Slo[], windows: readonly DriverWindow[]): SloBreach | null {
  const live = liveSlo(slos)
  live.begin(0)
  for (const window of windows) {
    const breach = live.observeWindow(window)
    if (breach !== null) return breach
  }
  return null
}

describe('an SLO while the run lasts', () => {
  it('holds while every second is within the limit', () => {
    expect(
      play(
        [P99],
        [1, 2, 3, 4, 5].map((s) => windowAt(s)),
      ),
    ).toBeNull()
  })

  it('breaks once the whole window is beyond the limit, and says when and how far', () => {
    const windows = [1, 2, 3].map((s) => windowAt(s, { p99Us: 80_000 }))
    expect(play([P99], windows)).toEqual({
      metric: 'latency.p99Us',
      max: 50_000,
      value: 80_000,
      atMs: 3_000,
    })
    expect(play([P99], windows.slice(0, 2))).toBeNull()
  })

  it('does not break for one bad second whose p50 was fine', () => {
    const windows = [1, 2, 3, 4].map((s) => windowAt(s, { p99Us: s === 2 ? 300_000 : 8_000 }))
    expect(play([P99], windows)).toBeNull()
  })

  it('breaks when more than one per cent of the events were shed, timed out or dropped', () => {
    for (const kind of ['shed', 'unknown', 'dropped'] as const) {
      const breach = play(
        [P99],
        [1, 2, 3].map((s) => windowAt(s, { [kind]: 20 })),
      )
      expect(breach?.value).toBe('infinite')
      expect(
        play(
          [P99],
          [1, 2, 3].map((s) => windowAt(s, { [kind]: 5 })),
        ),
      ).toBeNull()
    }
  })

  it('breaks a target that answers nothing, from the events that pile up', () => {
    const silent = [1, 2, 3].map((s) => windowAt(s, { accepted: 0, p50Us: null, p99Us: null }))
    expect(play([P99], silent)).toMatchObject({ value: 'infinite', atMs: 3_000 })
    const refused = Slo.parse({ metric: 'outcome.notAcceptedRatio', max: 0.01, windowS: 3 })
    const longer = [1, 2, 3, 4].map((s) => windowAt(s, { accepted: 0, p50Us: null, p99Us: null }))
    expect(play([refused], longer)?.value).toBe(1)
  })

  it('breaks a target that answers some events fast and leaves a growing rest waiting', () => {
    const half = [1, 2, 3].map((s) => windowAt(s, { accepted: 500, inFlight: 500 * s }))
    expect(play([P99], half)?.value).toBe('infinite')
  })

  it('does not mistake the requests of the last moment for a backlog', () => {
    const first = windowAt(1, { accepted: 990 })
    const steady = [2, 3, 4].map((s) => windowAt(s))
    expect(play([P99], [first, ...steady])).toBeNull()
  })

  it('forgets what came before the step, except what is still unanswered', () => {
    const live = liveSlo([P99])
    for (const s of [1, 2]) live.observeWindow(windowAt(s, { p99Us: 90_000 }))
    live.begin(2_000)
    expect([3, 4, 5].map((s) => live.observeWindow(windowAt(s)))).toEqual([null, null, null])

    const stuck = liveSlo([P99])
    for (const s of [1, 2]) stuck.observeWindow(windowAt(s, { accepted: 300 }))
    stuck.begin(2_000)
    const seen = [3, 4, 5].map((s) => stuck.observeWindow(windowAt(s)))
    expect(seen.at(-1)?.value).toBe('infinite')
  })

  it('judges queries by the median answer of the window, failures being endless', () => {
    const slo = Slo.parse({ metric: 'query.seconds{Q1}', max: 5, windowS: 10 })
    const live = liveSlo([slo])
    expect(live.observeQuery(queryAt(1, 'Q1', 2))).toBeNull()
    expect(live.observeQuery(queryAt(2, 'Q2', 60))).toBeNull()
    expect(live.observeQuery(queryAt(3, 'Q1', 9))).toMatchObject({ value: 5.5, atMs: 3_000 })
    expect(live.observeQuery({ ...queryAt(4, 'Q1', 9), outcome: 'timeout' })?.value).toBe(9)
    const failing = liveSlo([slo])
    const failed: QueryResult = { ...queryAt(1, 'Q1', 1), outcome: 'error' }
    expect(failing.observeQuery(failed)?.value).toBe('infinite')
  })

  it('judges any sampled metric by the median of the window', () => {
    const slo = Slo.parse({ metric: 'freshness.p99Us{postgres.events}', max: 1_000, windowS: 2 })
    const live = liveSlo([slo])
    const key = 'freshness.p99Us{postgres.events}'
    expect(live.observeSamples(500, { [key]: 900, other: 1e9 })).toBeNull()
    expect(live.observeSamples(1_000, { [key]: 1_200 })).toMatchObject({ value: 1_050 })
  })

  it('counts dropped events and send delay from the driver’s windows', () => {
    const dropped = Slo.parse({ metric: 'outcome.droppedRatio', max: 0.001, windowS: 1 })
    expect(play([dropped], [windowAt(1, { dropped: 10 })])?.value).toBeCloseTo(0.01)
    const late = Slo.parse({ metric: 'sendDelay.p99Us', max: 50, windowS: 1 })
    expect(play([late], [windowAt(1)])?.value).toBe(100)
    const queued = Slo.parse({ metric: 'inFlight.requests', max: 10, windowS: 1 })
    expect(play([queued], [windowAt(1, { inFlight: 11 })])?.value).toBe(11)
  })

  it('says nothing without windows or for a metric it cannot see', () => {
    expect(sloBroken(viewOf([]), P99)).toBeNull()
    const unseen = Slo.parse({ metric: 'wal.bytesPerS', max: 1 })
    expect(sloBroken(viewOf([windowAt(1)]), unseen)).toBeNull()
  })

  it('never calls a window broken whose every answer was within the limit', () => {
    const second = fc.record({
      due: fc.integer({ min: 0, max: 5_000 }),
      p50Us: fc.integer({ min: 1, max: 50_000 }),
      p99Us: fc.integer({ min: 1, max: 50_000 }),
    })
    fc.assert(
      fc.property(fc.array(second, { minLength: 1, maxLength: 12 }), (seconds) => {
        expect(
          play(
            [P99],
            seconds.map((one, i) => windowAt(i + 1, one)),
          ),
        ).toBeNull()
      }),
    )
  })

  it('never needs longer to break when the answers get slower', () => {
    const second = fc.record({
      p50Us: fc.integer({ min: 1, max: 90_000 }),
      p99Us: fc.integer({ min: 1, max: 200_000 }),
    })
    fc.assert(
      fc.property(fc.array(second, { minLength: 3, maxLength: 10 }), (seconds) => {
        const at = (factor: number): number =>
          play(
            [P99],
            seconds.map((one, i) =>
              windowAt(i + 1, { p50Us: one.p50Us * factor, p99Us: one.p99Us * factor }),
            ),
          )?.atMs ?? Infinity
        expect(at(2)).toBeLessThanOrEqual(at(1))
      }),
    )
  })
})

describe('an SLO over a finished step', () => {
  const steps = measuredOf(studyFixture({ rounds: 1, targets: ['pg-direct'] }).runs[0]!)!.steps
  const step = steps.find((one) => one.name === '2000/s')!

  it('reads the exact percentiles over all due events', () => {
    expect(stepValue(step, 'latency.p99Us')).toBe(step.latencyUs?.p99)
    expect(stepValue(step, 'freshness.p50Us{postgres.events}')).toBe(
      step.freshnessUs['postgres.events']?.p50,
    )
    expect(stepValue(step, 'outcome.notAcceptedRatio')).toBe(0)
    expect(stepValue(step, 'query.seconds{Q1}')).toBe(step.metrics['query.seconds{Q1}'])
    expect(stepValue(step, 'query.seconds{Q9}')).toBeNull()
  })

  it('breaks where the step’s own percentile does, and not when the step was too short', () => {
    const tight = Slo.parse({ metric: 'latency.p99Us', max: 100, windowS: 3 })
    expect(stepBreach(step, [tight])?.value).toBe(step.latencyUs?.p99)
    expect(stepBreach({ ...step, toMs: step.fromMs + 1_000 }, [tight])).toBeNull()
    expect(stepBreach(step, [P99])).toBeNull()
  })

  it('keeps the breach that ended the step', () => {
    const broken = steps.at(-1)!
    expect(stepBreach(broken, [])).toEqual(broken.brokenSlo)
  })
})

function queryAt(atS: number, name: string, seconds: number): QueryResult {
  return {
    name,
    atMs: atS * 1e3,
    seconds,
    outcome: 'ok',
    rows: 1,
    rowsRead: 1,
    bytesRead: 1,
    error: null,
  }
}
