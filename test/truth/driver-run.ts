/** Runs the real driver process against an address and reads back everything it left. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningDriver } from '../../src/drive/driver.ts'
import { startDriver } from '../../src/drive/driver.ts'
import type {
  DriverJob,
  DriverResult,
  DriverWindow,
  QueryResult,
  Segment,
} from '../../src/drive/job.ts'
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES, OUTCOME_RECORD_BYTES } from '../../src/drive/job.ts'
import type { Schedule } from '../../src/drive/schedule.ts'
import { eventTimes, scheduleOf } from '../../src/drive/schedule.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { openStream } from '../../src/shapes/open-stream.ts'
import type { EventStream } from '../../src/shapes/stream.ts'

export interface Outcome {
  readonly kind: keyof typeof OUTCOME_CODES
  readonly hasExceptions: boolean
  /** After the epoch; null where no answer came. */
  readonly ackMs: number | null
}

/** Removes the run's files when disposed. */
export interface DriverRun extends AsyncDisposable {
  readonly job: DriverJob
  readonly epochMs: number
  readonly result: DriverResult
  readonly windows: readonly DriverWindow[]
  readonly queries: readonly QueryResult[]
  readonly outcomes: readonly Outcome[]
  readonly exceptions: readonly {
    readonly r: number
    readonly d: readonly number[]
    readonly x: readonly number[]
  }[]
  readonly schedule: Schedule
  readonly stream: EventStream
}

export function constantSegment(ratePerS: number, seconds: number): Segment {
  return {
    name: 'constant',
    kind: 'measure',
    fromS: 0,
    toS: seconds,
    fromPerS: ratePerS,
    toPerS: ratePerS,
  }
}

const LEAD_MS = 150

export async function runDriver(
  job: Partial<DriverJob> & Pick<DriverJob, 'url' | 'segments'>,
  meanwhile: (driver: RunningDriver, epochMs: number) => Promise<void> | void = () => undefined,
): Promise<DriverRun> {
  const dir = await mkdtemp(join(tmpdir(), 'headroom-drive-'))
  const removeDir = (): Promise<void> => rm(dir, { recursive: true, force: true })
  try {
    const whole = wholeJob(job, dir)
    const windows: DriverWindow[] = []
    const queries: QueryResult[] = []
    await using driver = await startDriver(whole, {
      signal: new AbortController().signal,
      log: () => undefined,
      onWindow: (window) => windows.push(window),
      onQuery: (query) => queries.push(query),
    })
    const epochMs = performance.timeOrigin + performance.now() + LEAD_MS
    driver.go(epochMs)
    await meanwhile(driver, epochMs)
    const result = await driver.result
    const bytes = await readFile(whole.outcomesFile)
    const lines = (await readFile(whole.exceptionsFile, 'utf8')).split('\n').filter(Boolean)
    return {
      job: whole,
      epochMs,
      result,
      windows,
      queries,
      outcomes: readOutcomes(bytes),
      exceptions: lines.map((line) => JSON.parse(line)),
      ...(await streamOf(whole)),
      [Symbol.asyncDispose]: removeDir,
    }
  } catch (error) {
    await removeDir()
    throw error
  }
}

export async function streamOf(
  job: DriverJob,
): Promise<{ readonly schedule: Schedule; readonly stream: EventStream }> {
  let due: Schedule | null = null
  const stream = await openStream(job.stream, (index) => eventTimes(due!, job)(index))
  due = scheduleOf(job, stream)
  return { schedule: due, stream }
}

export function wholeJob(
  job: Partial<DriverJob> & Pick<DriverJob, 'url' | 'segments'>,
  dir: string,
): DriverJob {
  return {
    stream: {
      source: 'generated',
      shape: 'billing',
      seed: 7,
      events: EventPopulation.parse({}),
    },
    eventEpochMs: Date.UTC(2026, 0, 1),
    recordedPace: null,
    spacing: 'even',
    seed: 7,
    batchEvents: 1,
    connections: 32,
    inFlightRequestsMax: 4_096,
    requestTimeoutMs: 5_000,
    client: 'raw',
    pacing: 'auto',
    drainS: 5,
    queries: [],
    headers: {},
    outcomesFile: join(dir, 'outcomes.bin'),
    exceptionsFile: join(dir, 'exceptions.ndjson'),
    ...job,
  }
}

function readOutcomes(bytes: Buffer): readonly Outcome[] {
  const kinds = Object.keys(OUTCOME_CODES) as (keyof typeof OUTCOME_CODES)[]
  return Array.from({ length: bytes.length / OUTCOME_RECORD_BYTES }, (_, request) => {
    const at = request * OUTCOME_RECORD_BYTES
    const units = bytes.readUInt32LE(at + 2)
    return {
      kind: kinds.find((kind) => OUTCOME_CODES[kind] === bytes[at])!,
      hasExceptions: (bytes[at + 1]! & 1) === 1,
      ackMs: units === NO_ACK ? null : (units * ACK_UNIT_US) / 1_000,
    }
  })
}
