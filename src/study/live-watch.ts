/** What looks on while a run lasts: the sampler over every probe, and the watch that ends a ramp and tells the user. */
import { join } from 'node:path'
import type { Part } from '../architecture/part.ts'
import type { RunningFreshness } from '../collect/freshness.ts'
import { hostProbe } from '../collect/host.ts'
import { memoryProbe } from '../collect/parts.ts'
import type { RunningSampler } from '../collect/sampler.ts'
import { startSampler } from '../collect/sampler.ts'
import { queryLine, windowLine } from '../collect/windows.ts'
import type { RunningDriver } from '../drive/driver.ts'
import type { DriverWindow, QueryResult } from '../drive/job.ts'
import type { SloBreach } from '../judge/slo.ts'
import { harnessPart } from './harness-part.ts'
import type { LiveRunOptions } from './live-options.ts'
import type { SloWatch } from './slo-watch.ts'
import { rateAt, segmentAt, watchSlos } from './slo-watch.ts'

export const SERIES_FILE = 'series.ndjson'
const HOST_INTERVAL_MS = 500

export async function startSamplerFor(
  options: LiveRunOptions,
  live: {
    readonly driver: Part
    readonly polls: readonly RunningFreshness[]
    readonly epochMs: number
  },
): Promise<RunningSampler> {
  const { up, dataDisk, log } = options
  const parts = (): readonly Part[] => [
    ...up.engines.flatMap(({ engine }) => engine.parts),
    ...up.running.parts,
    ...(up.plumbing ?? []),
    live.driver,
    harnessPart,
  ]
  return await startSampler({
    probes: [
      ...up.engines.flatMap(({ engine }) => engine.probes),
      ...up.running.probes,
      ...live.polls.map((poll) => poll.probe),
      hostProbe({ parts, dataDir: dataDisk, intervalMs: HOST_INTERVAL_MS, log }),
      memoryProbe(parts, log),
    ],
    epochMs: live.epochMs,
    file: join(options.runDir, SERIES_FILE),
    signal: options.hardSignal,
    log,
  })
}

interface Live {
  readonly sampler: RunningSampler
  readonly polls: readonly RunningFreshness[]
  readonly driver: RunningDriver
}

/** Takes the driver's windows and answers; stops the driver at the first broken SLO where the scenario asks for it. */
export class LiveWatch {
  readonly #options: LiveRunOptions
  readonly #slos: SloWatch
  #live: Live | null = null
  #before: DriverWindow | null = null
  #acknowledged = 0
  #stoppedBySlo = false

  constructor(options: LiveRunOptions) {
    this.#options = options
    this.#slos = watchSlos(options.scenario.slos, options.plan.segments)
  }

  get breaches(): ReadonlyMap<string, SloBreach> {
    return this.#slos.breaches
  }

  get stoppedBySlo(): boolean {
    return this.#stoppedBySlo
  }

  /** Before the schedule starts: nothing that arrives earlier is looked at. */
  begin(live: Live): void {
    this.#live = live
  }

  window(window: DriverWindow): void {
    if (this.#live === null) return
    const { sampler, polls } = this.#live
    this.#acknowledged += window.counts.accepted + window.counts.duplicate
    for (const poll of polls) poll.acknowledged(this.#acknowledged, window.atMs)
    sampler.record(windowLine(window, this.#before))
    this.#before = window
    this.#judge(this.#slos.window(window))
    this.#judge(this.#slos.samples(window.atMs, sampler.latest()))
    this.#tell(window, this.#live)
  }

  query(query: QueryResult): void {
    if (this.#live === null) return
    const line = queryLine(query)
    if (line !== null) this.#live.sampler.record(line)
    this.#judge(this.#slos.query(query))
  }

  #judge(broken: boolean): void {
    if (!broken || this.#stoppedBySlo || this.#options.scenario.stop !== 'at-first-broken-slo')
      return
    this.#stoppedBySlo = true
    this.#live?.driver.stop()
  }

  #tell(window: DriverWindow, { sampler, polls }: Live): void {
    const { plan, up, scenario } = this.#options
    const segment = segmentAt(plan.segments, window.atMs - 1)
    const backlogs = polls.map((poll) => poll.backlogEvents()).filter((backlog) => backlog !== null)
    const totalMs = (plan.scheduledS + Math.min(scenario.phases.drainS, 1)) * 1_000
    this.#options.onProgress({
      type: 'window',
      target: up.target.name,
      phase: segment?.kind ?? 'drain',
      targetPerS: segment === null ? 0 : rateAt(segment, window.atMs),
      acceptedPerS: window.counts.accepted + window.counts.duplicate,
      latencyP99Us: window.latencyP99Us,
      backlogEvents: backlogs.length === 0 ? null : Math.max(...backlogs),
      walBytesPerS: sampler.latest()['wal.bytesPerS'] ?? null,
      doneRatio: Math.min(1, window.atMs / totalMs),
      leftS: Math.max(0, (totalMs - window.atMs) / 1_000),
    })
  }
}
