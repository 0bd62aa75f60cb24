import { describe, expect, it } from 'vitest'
import { findMetric } from '../../src/collect/metrics.ts'
import { queryLine, windowSeries } from '../../src/collect/windows.ts'
import type { DriverWindow, QueryResult } from '../../src/drive/job.ts'

function window(atMs: number, change: Partial<DriverWindow> = {}): DriverWindow {
  return {
    atMs,
    dueEvents: 1_000,
    sentEvents: 990,
    counts: { accepted: 900, duplicate: 50, rejected: 10, shed: 20, unknown: 10, dropped: 10 },
    inFlightRequests: 3,
    latencyP50Us: 900,
    latencyP99Us: 7_000,
    sendDelayP99Us: 100,
    driverCpuRatio: 0.25,
    eventLoopDelayP99Us: 1_200,
    ...change,
  }
}

describe('windowSeries', () => {
  it('makes rates, shares and percentiles of each second, all of them known metrics', () => {
    const [line] = windowSeries([window(1_000)])
    expect(line).toEqual({
      t: 1_000,
      v: {
        'rate.dueEventsPerS': 1_000,
        'rate.notAcceptedEventsPerS': 50,
        'rate.sentEventsPerS': 990,
        'rate.acceptedEventsPerS': 950,
        'latency.p50Us': 900,
        'latency.p99Us': 7_000,
        'sendDelay.p99Us': 100,
        'inFlight.requests': 3,
        'driver.cpuCores': 0.25,
        'driver.eventLoopDelayP99Us': 1_200,
        'outcome.notAcceptedRatio': 0.05,
        'outcome.droppedRatio': 0.01,
      },
    })
    for (const key of Object.keys(line?.v ?? {})) expect(findMetric(key)).toBeDefined()
  })

  it('divides by the length that a window really had', () => {
    const lines = windowSeries([window(1_000), window(1_500), window(60_000)])
    expect(lines.map((line) => line.v['rate.dueEventsPerS'])).toEqual([1_000, 2_000, 1_000])
  })

  it('leaves out what a window has no events for', () => {
    const none = { accepted: 0, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 }
    const [line] = windowSeries([
      window(1_000, { counts: none, latencyP50Us: null, latencyP99Us: null, sendDelayP99Us: null }),
    ])
    expect(Object.keys(line?.v ?? {}).sort()).toEqual([
      'driver.cpuCores',
      'driver.eventLoopDelayP99Us',
      'inFlight.requests',
      'rate.acceptedEventsPerS',
      'rate.dueEventsPerS',
      'rate.notAcceptedEventsPerS',
      'rate.sentEventsPerS',
    ])
  })
})

describe('queryLine', () => {
  const answer: QueryResult = {
    name: 'Q1',
    atMs: 4_000,
    seconds: 0.25,
    outcome: 'ok',
    rows: 10,
    rowsRead: 200_000,
    bytesRead: null,
    error: null,
  }

  it('has what the engine told and nothing else', () => {
    expect(queryLine(answer)).toEqual({
      t: 4_000,
      v: { 'query.seconds{Q1}': 0.25, 'query.rowsRead{Q1}': 200_000 },
    })
  })

  it('has no time for a query that was not answered', () => {
    expect(queryLine({ ...answer, outcome: 'timeout' })).toBeNull()
  })
})
