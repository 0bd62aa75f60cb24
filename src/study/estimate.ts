/** How long a study will take and how much disk it needs, said before it starts. Pure. */
import type { Scenario } from '../scenario/scenario.ts'

// Seen on two cores in November 2026: engines, schema and services up in 1–2 s; audit, sizes and teardown in 2 s.
const START_S = 2
const END_S = 2
/** Bulk load through COPY into four indexes with two cores: 60–90 thousand rows a second. */
const PRELOAD_ROWS_PER_S = 60_000
/** Heap and indexes of one B1 row with headroom for WAL: mission-map G3 found 487 bytes. */
const STORED_BYTES_PER_ROW = 500
const WAL_AND_OVERHEAD_FACTOR = 3
/** WAL segments, system catalogues and libraries of one engine. */
const ENGINE_BASE_BYTES = 400 * 2 ** 20
/** Series, logs and reports of a study that starts no engine. */
const RECORDS_BASE_BYTES = 64 * 2 ** 20
/** One outcome record and one first-seen moment. */
const OUTCOME_BYTES_PER_EVENT = 10

/** Seconds of the measured phase. For `recorded` the file decides: pass its length. */
export function measureSecondsOf(scenario: Scenario, recordedS: number): number {
  const { rate, phases } = scenario
  switch (rate.kind) {
    case 'steps':
      return rate.ratesPerS.length * rate.stepS
    case 'recorded':
      return recordedS
    case 'constant':
    case 'ramp':
    case 'spike':
      return phases.measureS ?? 0
  }
}

/** Most events the scenario can send in one run. */
export function eventsAtMost(scenario: Scenario, recordedEvents: number): number {
  const { rate, phases } = scenario
  const warmupEvents = phases.warmupS * (phases.warmupPerS ?? peakPerS(scenario))
  switch (rate.kind) {
    case 'steps':
      return warmupEvents + rate.ratesPerS.reduce((sum, perS) => sum + perS * rate.stepS, 0)
    case 'recorded':
      return recordedEvents
    case 'constant':
    case 'ramp':
    case 'spike':
      return warmupEvents + peakPerS(scenario) * (phases.measureS ?? 0)
  }
}

function peakPerS({ rate }: Scenario): number {
  switch (rate.kind) {
    case 'constant':
      return rate.ratePerS
    case 'steps':
      return Math.max(...rate.ratesPerS)
    case 'ramp':
      return Math.max(rate.fromPerS, rate.toPerS)
    case 'spike':
      return Math.max(rate.basePerS, rate.peakPerS)
    case 'recorded':
      return rate.pace.kind === 'rate' ? rate.pace.ratePerS : 0
  }
}

export interface Estimate {
  readonly seconds: number
  /** Disk one run needs at its largest: runs are taken down one by one. */
  readonly diskBytes: number
}

export interface EstimatedRun {
  readonly scenario: Scenario
  readonly recordedS: number
  readonly recordedEvents: number
  /** False where the target is a service of the user's own: his engines have their own disks. */
  readonly startsEngines: boolean
}

/** An upper estimate: a ramp that breaks early ends early. */
export function estimateStudy(runs: readonly EstimatedRun[]): Estimate {
  return {
    seconds: Math.ceil(runs.reduce((sum, run) => sum + secondsOf(run), 0)),
    diskBytes: Math.max(0, ...runs.map(diskBytesOf)),
  }
}

function secondsOf({ scenario, recordedS }: EstimatedRun): number {
  return (
    START_S +
    scenario.initialRows / PRELOAD_ROWS_PER_S +
    scenario.phases.warmupS +
    measureSecondsOf(scenario, recordedS) +
    // Most drains end as soon as everything acknowledged is readable.
    Math.min(scenario.phases.drainS, 1) +
    END_S
  )
}

function diskBytesOf({ scenario, recordedEvents, startsEngines }: EstimatedRun): number {
  const events = eventsAtMost(scenario, recordedEvents)
  const rows = scenario.initialRows + events
  return Math.ceil(
    startsEngines
      ? 2 * ENGINE_BASE_BYTES + rows * STORED_BYTES_PER_ROW * WAL_AND_OVERHEAD_FACTOR
      : RECORDS_BASE_BYTES + events * OUTCOME_BYTES_PER_EVENT,
  )
}
