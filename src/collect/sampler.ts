/**
 * Runs many probes, each at its own interval, into one series. In: probes. Out: series.ndjson, the newest values for
 * whoever watches, and what measuring cost. A probe that fails or is late is counted and named, never silent.
 */
import { setMaxListeners } from 'node:events'
import { messageOf } from '../kit/errors.ts'
import { systemClock } from '../kit/clock.ts'
import type { Clock } from '../kit/clock.ts'
import type { Log } from '../kit/log.ts'
import type { SeriesLine } from '../results/record.ts'
import { answerWithin } from './answer-within.ts'
import type { Limit } from './answer-within.ts'
import { findMetric, metricKey } from './metrics.ts'
import { ownCostProbe } from './own-cost.ts'
import type { Probe, Sample } from './probe.ts'
import { CounterRates } from './rates.ts'
import { SeriesWriter } from './series-writer.ts'
import type { SeriesWritten } from './series-writer.ts'

/** A sample that takes longer than this, or than ten intervals, is given up. */
const SAMPLE_LIMIT_MS = 5_000
/** The run is over: nobody waits long for a look that only rounds it off. */
const LAST_LOOK_LIMIT_MS = 2_000
/** A gauge is known to about this many digits; a shorter file is read faster. */
const GAUGE_DIGITS = 6
const COUNTER_DIGITS = 15

export interface SamplerOptions {
  readonly probes: readonly Probe[]
  /** The run's epoch in epoch ms; lines count from here, earlier ones are negative. */
  readonly epochMs: number
  /** Where the series goes; must not exist. */
  readonly file: string
  readonly signal: AbortSignal
  readonly log: Log
  /** Told every line as it is written: what limits are judged by while the run lasts. */
  readonly onLine?: (line: SeriesLine) => void
  readonly clock?: Clock
}

export interface ProbeReport {
  readonly name: string
  readonly intervalMs: number
  readonly samples: number
  readonly failures: number
  /** Moments that passed while the sample before was still under way. */
  readonly skipped: number
  readonly meanMs: number
  readonly maxMs: number
  readonly lastError: string | null
}

export interface SamplerSummary {
  readonly probes: readonly ProbeReport[]
  readonly series: SeriesWritten
  /** Cores used by this process while it sampled: harness and probes, without driver, services and engines. */
  readonly probeCpuCores: number
  readonly wallS: number
}

export interface RunningSampler extends AsyncDisposable {
  /** The newest value of every key seen so far. */
  latest(): Readonly<Record<string, number>>
  /** Adds a line that no probe makes, such as a driver window; keys as in metrics.ts. */
  record(line: SeriesLine): void
  /** Waits for the samples under way, writes what is left and says what it cost. May be called again. */
  stop(): Promise<SamplerSummary>
}

export async function startSampler(options: SamplerOptions): Promise<RunningSampler> {
  const writer = await SeriesWriter.create(options.file, options.log)
  return new Sampler(options, writer)
}

interface ProbeState {
  readonly probe: Probe
  /** A sample given up may still be under way; samples of one probe never overlap. */
  busy: boolean
  samples: number
  failures: number
  skipped: number
  totalMs: number
  maxMs: number
  lastError: string | null
}

class Sampler implements RunningSampler {
  readonly #options: SamplerOptions
  readonly #clock: Clock
  readonly #writer: SeriesWriter
  /** Wakes whoever sleeps until its next look. */
  readonly #stopping = new AbortController()
  readonly #waking: AbortSignal
  /** Ends looks under way. */
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  readonly #states: readonly ProbeState[]
  readonly #loops: Promise<unknown>
  readonly #rates = new CounterRates()
  readonly #latest = new Map<string, number>()
  readonly #startedMs: number
  readonly #cpuAtStart = process.cpuUsage()
  #summary: Promise<SamplerSummary> | null = null

  constructor(options: SamplerOptions, writer: SeriesWriter) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#writer = writer
    this.#signal = AbortSignal.any([options.signal, this.#ending.signal])
    this.#waking = AbortSignal.any([this.#signal, this.#stopping.signal])
    // Every probe listens to them: more than ten are no leak.
    setMaxListeners(0, this.#signal, this.#waking)
    this.#startedMs = this.#clock.nowMs()
    this.#states = [...options.probes, ownCostProbe(this.#clock)].map((probe) => ({
      probe,
      busy: false,
      samples: 0,
      failures: 0,
      skipped: 0,
      totalMs: 0,
      maxMs: 0,
      lastError: null,
    }))
    this.#loops = Promise.all(this.#states.map((state) => this.#loop(state)))
  }

  latest(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#latest)
  }

  record(line: SeriesLine): void {
    const v = Object.fromEntries(
      Object.entries(line.v).map(([key, value]) => [key, rounded(value, GAUGE_DIGITS)]),
    )
    this.#write(line.t, v)
  }

  stop(): Promise<SamplerSummary> {
    this.#summary ??= this.#stop()
    return this.#summary
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(): Promise<SamplerSummary> {
    this.#stopping.abort()
    const patience = setTimeout(() => {
      this.#ending.abort()
    }, LAST_LOOK_LIMIT_MS)
    await this.#loops
    clearTimeout(patience)
    if (!this.#options.signal.aborted) await this.#lastLook()
    const wallS = (this.#clock.nowMs() - this.#startedMs) / 1_000
    const cpu = process.cpuUsage(this.#cpuAtStart)
    const probeCpuCores = wallS > 0 ? (cpu.user + cpu.system) / 1e6 / wallS : 0
    const probes = this.#states.map(reportOf)
    for (const { name, failures, skipped, lastError } of probes) {
      if (failures + skipped === 0) continue
      const because = lastError === null ? '' : ` (${lastError})`
      this.#options.log(`probe ${name}: ${failures} failed, ${skipped} skipped${because}`)
    }
    return { probes, series: await this.#writer.close(), probeCpuCores, wallS }
  }

  /** By everyone who answers, so that the end of the last step lies between two samples. */
  async #lastLook(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal])
    setMaxListeners(0, signal)
    const last = { signal, limitMs: LAST_LOOK_LIMIT_MS }
    const idle = this.#states.filter((state) => !state.busy)
    await Promise.all(idle.map((state) => this.#sampleOnce(state, last)))
  }

  /** Moments are multiples of the interval from the epoch on, so probes of one interval look at one moment. */
  async #loop(state: ProbeState): Promise<void> {
    const { intervalMs } = state.probe
    const indexNow = (): number =>
      Math.floor((this.#clock.nowMs() - this.#options.epochMs) / intervalMs)
    let index = indexNow()
    const limitMs = Math.max(SAMPLE_LIMIT_MS, 10 * intervalMs)
    while (!this.#isOver()) {
      await this.#sampleOnce(state, { limitMs, signal: this.#signal })
      const next = Math.max(indexNow(), index) + 1
      state.skipped += next - index - 1
      index = next
      const dueMs = this.#options.epochMs + index * intervalMs
      if (!(await this.#sleepUntil(dueMs))) return
    }
  }

  #isOver(): boolean {
    return this.#waking.aborted
  }

  async #sleepUntil(dueMs: number): Promise<boolean> {
    try {
      await this.#clock.sleep(dueMs - this.#clock.nowMs(), this.#waking)
      return true
    } catch (error) {
      if (this.#isOver()) return false
      throw error
    }
  }

  async #sampleOnce(state: ProbeState, within: Limit): Promise<void> {
    const { probe } = state
    if (state.busy) {
      state.skipped += 1
      return
    }
    const fromMs = this.#clock.nowMs()
    const ask = async (signal: AbortSignal): Promise<readonly Sample[]> => {
      state.busy = true
      try {
        return await probe.sample(signal)
      } finally {
        state.busy = false
      }
    }
    try {
      const samples = await answerWithin(ask, within)
      const toMs = this.#clock.nowMs()
      state.samples += 1
      state.totalMs += toMs - fromMs
      state.maxMs = Math.max(state.maxMs, toMs - fromMs)
      this.#take(state, samples, { fromMs, toMs })
    } catch (error) {
      // Cut short by the end of the run: no failure of the probe.
      if (within.signal.aborted) return
      state.failures += 1
      this.#fault(state, messageOf(error))
    }
  }

  #take(
    state: ProbeState,
    samples: readonly Sample[],
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): void {
    // The figures are from somewhere between question and answer.
    const t = Math.round(((fromMs + toMs) / 2 - this.#options.epochMs) * 100) / 100
    const v: Record<string, number> = {}
    for (const { metric: id, label, value } of samples) {
      const metric = findMetric(id)
      if (metric === undefined) {
        this.#fault(state, `it reports ${id}, which metrics.ts does not know`)
      } else if (!Number.isFinite(value)) {
        this.#fault(state, `it reports ${id} as ${value}`)
      } else if (metric.kind === 'counter') {
        v[metricKey(id, label)] = rounded(value, COUNTER_DIGITS)
        const rate = this.#rates.next({ id, label }, { t, value })
        if (rate !== null) v[rate.key] = rounded(rate.perS, GAUGE_DIGITS)
      } else {
        v[metricKey(id, label)] = rounded(value, GAUGE_DIGITS)
      }
    }
    v[metricKey('probe.ms', state.probe.name)] = rounded(toMs - fromMs, 3)
    const missed = state.failures + state.skipped
    if (missed > 0) v[metricKey('probe.missed', state.probe.name)] = missed
    this.#write(t, v)
  }

  #write(t: number, v: Readonly<Record<string, number>>): void {
    for (const [key, value] of Object.entries(v)) this.#latest.set(key, value)
    const line: SeriesLine = { t, v }
    this.#writer.write(line)
    this.#options.onLine?.(line)
  }

  /** Said once per kind of fault: a probe that fails every second must not fill the log. */
  #fault(state: ProbeState, message: string): void {
    if (state.lastError !== message) this.#options.log(`probe ${state.probe.name}: ${message}`)
    state.lastError = message
  }
}

function reportOf(state: ProbeState): ProbeReport {
  const { probe, samples, failures, skipped, totalMs, maxMs, lastError } = state
  const meanMs = samples === 0 ? 0 : totalMs / samples
  const { name, intervalMs } = probe
  return { name, intervalMs, samples, failures, skipped, meanMs, maxMs, lastError }
}

function rounded(value: number, digits: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(digits))
}
