import { expect, it } from 'vitest'
import type { DriverWindow, Segment } from '../../src/drive/job.ts'
import { liveAcceptance } from '../../src/judge/acceptance.ts'

const segment: Segment = {
  name: 'step-1',
  kind: 'measure',
  fromS: 0,
  toS: 10,
  fromPerS: 100,
  toPerS: 100,
}

function second(atMs: number, rejected: number): DriverWindow {
  const none = { duplicate: 0, shed: 0, unknown: 0, dropped: 0 }
  return {
    atMs,
    dueEvents: 100,
    sentEvents: 100,
    counts: { ...none, accepted: 100 - rejected, rejected },
    inFlightRequests: 0,
    latencyP50Us: 1,
    latencyP99Us: 1,
    sendDelayP99Us: 1,
    driverCpuRatio: 0,
    eventLoopDelayP99Us: 1,
  }
}

it('breaks a running step as soon as no later answer can bring it below one percent', () => {
  const live = liveAcceptance()
  live.begin(segment)
  expect(live.observeWindow(second(1_000, 10))).toBeNull()
  expect(live.observeWindow(second(2_000, 1))).toEqual({
    metric: 'outcome.notAcceptedRatio',
    max: 0.01,
    value: 11 / 200,
    atMs: 2_000,
  })
  live.begin({ ...segment, name: 'step-2', fromS: 10, toS: 20 })
  expect(live.observeWindow(second(11_000, 0))).toBeNull()
})
