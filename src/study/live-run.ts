/**
 * The minutes that count: driver, sampler and freshness polls against a running target. In: a target that is up and
 * preloaded, and the plan. Out: everything that was seen, raw. It judges nothing but when to stop.
 */
import { join } from 'node:path'
import { openSeenLog } from '../audit/freshness.ts'
import type { SeenLogFile } from '../audit/freshness.ts'
import type { FreshnessSummary, RunningFreshness } from '../collect/freshness.ts'
import { startFreshness } from '../collect/freshness.ts'
import type { SamplerSummary } from '../collect/sampler.ts'
import type { RunningDriver } from '../drive/driver.ts'
import { startDriver } from '../drive/driver.ts'
import type { DriverResult } from '../drive/job.ts'
import type { SloBreach } from '../judge/slo.ts'
import { systemClock } from '../kit/clock.ts'
import { saysDiskFull } from '../kit/disk.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { Scope } from '../kit/scope.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { RunningTarget } from '../target/up.ts'
import type { CheckpointMark } from './checkpoints.ts'
import { runCheckpoints } from './checkpoints.ts'
import type { FaultMark } from './faults.ts'
import { plannedFaults, prepareFaults, runFaults } from './faults.ts'
import type { LiveRunOptions } from './live-options.ts'
import { LiveWatch, startSamplerFor } from './live-watch.ts'
import { driverJob, plannedCheckpoints } from './run-plan.ts'

/** Between the driver being ready and the first due event: enough to hand out the epoch. */
const LEAD_MS = 250

export type LiveEnd =
  | { readonly how: 'schedule' }
  | { readonly how: 'slo' }
  | { readonly how: 'engine-crash' | 'service-crash' | 'disk-full'; readonly message: string }
  | { readonly how: 'signal'; readonly message: string }

export interface LiveRun {
  readonly epochMs: number
  readonly end: LiveEnd
  readonly driver: DriverResult
  readonly breaches: ReadonlyMap<string, SloBreach>
  readonly checkpoints: readonly CheckpointMark[]
  readonly faults: readonly FaultMark[]
  readonly sampler: SamplerSummary
  readonly freshness: readonly FreshnessSummary[]
  /** When the last look had been taken, ms after the epoch. */
  readonly endedMs: number
  /** First-seen times by store name. The caller closes them. */
  readonly seen: ReadonlyMap<string, SeenLogFile>
}

export const OUTCOMES_FILE = 'outcomes.bin'
export const EXCEPTIONS_FILE = 'exceptions.ndjson'

export async function runLive(options: LiveRunOptions): Promise<LiveRun> {
  const { up, scenario, plan, log, signal } = options
  await using scope = new Scope()
  const watching = new LiveWatch(options)

  const driver = scope.use(
    await startDriver(
      driverJob(scenario, plan, {
        url: up.running.ingestUrl.href,
        outcomesFile: join(options.runDir, OUTCOMES_FILE),
        exceptionsFile: join(options.runDir, EXCEPTIONS_FILE),
        service: up.requests,
        writes: up.running.writes,
        queries: up.facts.queries,
      }),
      {
        // Ctrl-C stops the schedule and still brings home what was measured; only a second one ends it hard.
        signal: options.hardSignal,
        log,
        onWindow: (window) => {
          watching.window(window)
        },
        onQuery: (query) => {
          watching.query(query)
        },
      },
    ),
  )
  await prepareFaults(scenario, { engines: up.engines, log }, signal)
  const epochMs = systemClock.nowMs() + LEAD_MS
  const { polls, seen } = await startPolls(options, { epochMs, scope })
  const sampler = scope.use(await startSamplerFor(options, { driver: driver.part, polls, epochMs }))
  watching.begin({ sampler, polls, driver })

  const ended = new AbortController()
  const planned = up.checkpoints ? plannedCheckpoints(scenario, plan) : []
  const checkpoints = runCheckpoints(planned, {
    engines: up.engines.map(({ engine }) => engine),
    epochMs,
    nowMs: () => systemClock.nowMs(),
    signal: AbortSignal.any([signal, ended.signal]),
    log,
  })
  const faults = startFaults(options, { epochMs, over: ended.signal })
  driver.go(epochMs)
  const end = await firstEnd({ driver, up, signal, over: ended.signal })
  if (end.how !== 'schedule') driver.stop()
  const result = await driver.result
  ended.abort(new Error('the schedule ended'))
  // What is frozen or down cannot drain.
  const faultMarks = await faults
  options.onProgress({ type: 'phase', target: up.target.name, phase: 'drain', detail: '' })
  if (end.how === 'schedule') await drain(polls, { result, scenario, log })
  const freshness = await Promise.all(polls.map((poll) => poll.stop()))
  return {
    epochMs,
    end: end.how === 'schedule' && watching.stoppedBySlo ? { how: 'slo' } : end,
    driver: result,
    breaches: watching.breaches,
    checkpoints: await checkpoints,
    faults: faultMarks,
    sampler: await sampler.stop(),
    freshness,
    seen,
    endedMs: systemClock.nowMs() - epochMs,
  }
}

function startFaults(
  { up, scenario, plan, round, signal, hardSignal, log }: LiveRunOptions,
  { epochMs, over }: { readonly epochMs: number; readonly over: AbortSignal },
): Promise<readonly FaultMark[]> {
  const first = plan.segments.find(({ kind }) => kind === 'measure')
  return runFaults(plannedFaults(scenario, round, first?.fromS ?? 0), {
    parts: [...up.engines.flatMap(({ engine }) => engine.parts), ...up.running.parts],
    engines: up.engines,
    epochMs,
    nowMs: () => systemClock.nowMs(),
    signal: AbortSignal.any([signal, over]),
    hardSignal,
    log,
  })
}

async function startPolls(
  options: LiveRunOptions,
  { epochMs, scope }: { readonly epochMs: number; readonly scope: Scope },
): Promise<{
  readonly polls: readonly RunningFreshness[]
  readonly seen: ReadonlyMap<string, SeenLogFile>
}> {
  const seen = new Map<string, SeenLogFile>()
  const polls: RunningFreshness[] = []
  // Where the driver commits by itself, what is acknowledged is readable: a poll would only be load.
  const { stores, writes } = options.up.running
  for (const store of writes === undefined ? stores : []) {
    const seenLog = await openSeenLog(join(options.dataDir, `seen-${store.name}.bin`))
    seen.set(store.name, seenLog)
    polls.push(
      scope.use(
        await startFreshness({
          store,
          stream: options.plan.stream,
          seenLog,
          epochMs,
          duplicateRatio: options.scenario.events.duplicateRatio,
          signal: options.hardSignal,
          log: options.log,
        }),
      ),
    )
  }
  return { polls, seen }
}

/** Whatever comes first: the schedule's end, a dead engine or service, or the user. */
async function firstEnd({
  driver,
  up,
  signal,
  over,
}: {
  readonly driver: RunningDriver
  readonly up: RunningTarget
  readonly signal: AbortSignal
  /** Aborted when nobody waits for the answer any more. */
  readonly over: AbortSignal
}): Promise<LiveEnd> {
  const aborted = new Promise<LiveEnd>((resolve) => {
    const tell = (): void => {
      resolve({ how: 'signal', message: messageOf(signal.reason) })
    }
    if (signal.aborted) tell()
    else signal.addEventListener('abort', tell, { once: true, signal: over })
  })
  const crashed = up.crashed.then(({ by, message }): LiveEnd => {
    if (saysDiskFull(message)) return { how: 'disk-full', message }
    return { how: by === 'engine' ? 'engine-crash' : 'service-crash', message }
  })
  return await Promise.race([
    driver.result.then((): LiveEnd => ({ how: 'schedule' })),
    crashed,
    aborted,
  ])
}

/** Waits until everything acknowledged is readable, for as long as the scenario allows. */
async function drain(
  polls: readonly RunningFreshness[],
  {
    result,
    scenario,
    log,
  }: { readonly result: DriverResult; readonly scenario: Scenario; readonly log: Log },
): Promise<void> {
  const acknowledgedEvents = result.segments.reduce(
    (sum, { counts }) => sum + counts.accepted + counts.duplicate,
    0,
  )
  const dueEvents = result.segments.reduce((sum, segment) => sum + segment.dueEvents, 0)
  const whole = await Promise.all(
    polls.map((poll) =>
      poll.drain({ acknowledgedEvents, dueEvents, drainS: scenario.phases.drainS }),
    ),
  )
  if (whole.includes(false))
    log(`drain: not everything became readable within ${String(scenario.phases.drainS)} s`)
}
