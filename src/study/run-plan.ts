/**
 * What every run of a study shares, worked out once. In: a scenario. Out: its streams, segments and schedule, and the
 * job a driver gets for a given address.
 */
import { resolve } from 'node:path'
import type { SqlWriting } from '../architecture/sql-writes.ts'
import type { DriverJob, Segment } from '../drive/job.ts'
import { eventTimes, scheduleOf } from '../drive/schedule.ts'
import { segmentsOf } from '../drive/segments.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { openRecorded, openStream } from '../shapes/open-stream.ts'
import { preloadTimeOf } from '../shapes/preload.ts'
import type { ServiceRequests } from '../target/service-speech.ts'
import type {
  EventStream,
  GeneratedStreamSpec,
  RecordedStreamSpec,
  TimeOfIndex,
} from '../shapes/stream.ts'
import { PRELOAD_BASE_INDEX } from '../shapes/stream.ts'
import type { PlannedCheckpoint } from './checkpoints.ts'
import { measureSecondsOf } from './estimate.ts'

/** Preloaded rows lie in the day before the run. */
const PRELOAD_SPAN_S = 86_400

export interface RunPlan {
  readonly segments: readonly Segment[]
  /** End of the last segment, after the epoch. */
  readonly scheduledS: number
  /** Time base of event timestamps, the same in every round, so that the bytes are the same. */
  readonly eventEpochMs: number
  readonly streamSpec: GeneratedStreamSpec | RecordedStreamSpec
  /** What is sent; its indexes are what the audit speaks of. */
  readonly stream: EventStream
  /** What made the rows that were there before. */
  readonly preloadStream: EventStream
  readonly recordedS: number
  readonly recordedEvents: number
  /** A recorded file stays open until then. */
  readonly close: () => void
}

/** @throws HeadroomError BAD_INPUT or FILE_NOT_FOUND for what is wrong with a recorded file */
export async function planRun(
  scenario: Scenario,
  scenarioDir: string,
  startedAt: Date,
): Promise<RunPlan> {
  const eventEpochMs = Math.floor(startedAt.getTime() / 1_000) * 1_000
  const generated: GeneratedStreamSpec = {
    source: 'generated',
    shape: scenario.shape,
    seed: scenario.seed,
    events: scenario.events,
    ...(scenario.shapeSettings === undefined ? {} : { shapeSettings: scenario.shapeSettings }),
  }
  const { rate } = scenario
  if (rate.kind === 'recorded') {
    const spec: RecordedStreamSpec = {
      source: 'recorded',
      shape: scenario.shape,
      file: resolve(scenarioDir, rate.file),
      format: rate.format,
      mapping: rate.mapping,
    }
    const stream = await openRecorded(spec)
    const times = stream.recordedTimesMs
    const lengthMs = (times.at(-1) ?? 0) - (times[0] ?? 0)
    const segments = segmentsOf(scenario, { events: stream.eventCount, lengthMs })
    const preloadStream = await openStream(generated, preloadTimes(scenario, eventEpochMs))
    const recordedS = segments.at(-1)?.toS ?? 0
    const shared = { eventEpochMs, streamSpec: spec, stream, preloadStream }
    return {
      ...shared,
      segments,
      scheduledS: recordedS,
      recordedS,
      recordedEvents: stream.eventCount,
      close: () => {
        stream[Symbol.dispose]()
      },
    }
  }
  const segments = segmentsOf(scenario, null)
  const stream = await openLive(generated, scenario, { segments, eventEpochMs })
  return {
    segments,
    scheduledS: segments.at(-1)?.toS ?? 0,
    eventEpochMs,
    streamSpec: generated,
    stream,
    preloadStream: stream,
    recordedS: 0,
    recordedEvents: 0,
    close: () => undefined,
  }
}

/** The same traffic with identifiers of its own, for a store that keeps what earlier runs sent. */
export async function markedPlan(
  plan: RunPlan,
  scenario: Scenario,
  identifierMark: string,
): Promise<RunPlan> {
  // A file brings its own identifiers.
  if (plan.streamSpec.source === 'recorded') return plan
  const streamSpec: GeneratedStreamSpec = { ...plan.streamSpec, identifierMark }
  const stream = await openLive(streamSpec, scenario, plan)
  return { ...plan, streamSpec, stream, preloadStream: stream }
}

async function openLive(
  spec: GeneratedStreamSpec,
  scenario: Scenario,
  { segments, eventEpochMs }: Pick<RunPlan, 'segments' | 'eventEpochMs'>,
): Promise<EventStream> {
  const job = { segments, recordedPace: null, ...pacingOf(scenario), eventEpochMs }
  const liveTimes = eventTimes(scheduleOf(job, { eventCount: Infinity }), job)
  const before = preloadTimes(scenario, eventEpochMs)
  return await openStream(spec, (index) =>
    index >= PRELOAD_BASE_INDEX ? before(index) : liveTimes(index),
  )
}

function preloadTimes(scenario: Scenario, epochMs: number): TimeOfIndex {
  const preload = { rows: Math.max(1, scenario.initialRows), epochMs, spanS: PRELOAD_SPAN_S }
  return (index) => preloadTimeOf(index, preload)
}

export function pacingOf(scenario: Scenario): Pick<DriverJob, 'spacing' | 'seed' | 'batchEvents'> {
  return { spacing: scenario.spacing, seed: scenario.seed, batchEvents: scenario.batchEvents }
}

interface JobPlaces extends Pick<DriverJob, 'url' | 'outcomesFile' | 'exceptionsFile'> {
  /** How a service of the user's own is spoken to; absent: as the contract has it. */
  readonly service?: ServiceRequests | null
  /** How events are written where there is no service. */
  readonly writes?: SqlWriting | undefined
  /** What the target answers; absent: whatever the scenario asks. */
  readonly queries?: readonly string[]
}

export function driverJob(
  scenario: Scenario,
  plan: RunPlan,
  { service = null, queries, writes, ...where }: JobPlaces,
): DriverJob {
  return {
    ...where,
    ...pacingOf(scenario),
    stream: plan.streamSpec,
    eventEpochMs: plan.eventEpochMs,
    segments: plan.segments,
    recordedPace: scenario.rate.kind === 'recorded' ? scenario.rate.pace : null,
    connections: scenario.connections,
    inFlightRequestsMax: scenario.inFlightRequestsMax,
    requestTimeoutMs: scenario.requestTimeoutMs,
    // The raw client speaks no TLS.
    client: where.url.startsWith('https:') ? 'undici' : scenario.client,
    pacing: scenario.pacing,
    drainS: scenario.phases.drainS,
    queries: scenario.queries.filter(({ name }) => queries?.includes(name) !== false),
    headers: service?.headers ?? {},
    ...(service === null ? {} : { speech: service.speech }),
    ...(writes === undefined ? {} : { writes }),
    ...(service?.ca == null ? {} : { ca: service.ca }),
  }
}

/** One where the measured phase begins, and the labelled one inside it. */
export function plannedCheckpoints(
  scenario: Scenario,
  plan: RunPlan,
): readonly PlannedCheckpoint[] {
  const first = plan.segments.find((segment) => segment.kind === 'measure')
  if (first === undefined) return []
  const start: PlannedCheckpoint = { atMs: first.fromS * 1_000, reason: 'start' }
  if (scenario.checkpointAtRatio === undefined) return [start]
  const measureS = measureSecondsOf(scenario, plan.scheduledS - first.fromS)
  const labelledMs = (first.fromS + measureS * scenario.checkpointAtRatio) * 1_000
  return [start, { atMs: labelledMs, reason: 'labelled' }]
}
