/** One second of the run at a time, for those who watch. In: what happens. Out: a window whenever a second is over. */
import { Histogram } from '../kit/histogram.ts'
import type { Ack } from './ack.ts'
import type { DriverWindow } from './job.ts'
import { countAck, noCounts } from './tally.ts'

export class WindowTally {
  #dueEvents = 0
  #sentEvents = 0
  #counts = noCounts()
  readonly #latency = new Histogram()
  readonly #sendDelay = new Histogram()
  readonly #loopDelay = new Histogram()
  /** Over the whole run. */
  readonly #allLoopDelay = new Histogram()
  #cpu = process.cpuUsage()
  #openedMs = performance.now()

  due(events: number): void {
    this.#dueEvents += events
  }

  sent(sendDelayUs: number, events: number): void {
    this.#sentEvents += events
    this.#sendDelay.record(sendDelayUs, events)
  }

  answered(ack: Ack, events: number, latencyUs: number): void {
    countAck(this.#counts, ack, events)
    this.#latency.record(latencyUs, events)
  }

  lost(outcome: 'unknown' | 'dropped' | 'rejected', events: number): void {
    this.#counts[outcome] += events
  }

  loopDelay(us: number): void {
    this.#loopDelay.record(us)
  }

  get loopDelayP99Us(): number {
    this.#allLoopDelay.merge(this.#loopDelay)
    this.#loopDelay.reset()
    return finite(this.#allLoopDelay) ?? 0
  }

  close(atMs: number, inFlightRequests: number): DriverWindow {
    const cpu = process.cpuUsage(this.#cpu)
    const nowMs = performance.now()
    const wallMs = Math.max(0.001, nowMs - this.#openedMs)
    const window: DriverWindow = {
      atMs,
      dueEvents: this.#dueEvents,
      sentEvents: this.#sentEvents,
      counts: this.#counts,
      inFlightRequests,
      latencyP50Us: finite(this.#latency, 0.5),
      latencyP99Us: finite(this.#latency),
      sendDelayP99Us: finite(this.#sendDelay),
      driverCpuRatio: (cpu.user + cpu.system) / 1_000 / wallMs,
      eventLoopDelayP99Us: finite(this.#loopDelay) ?? 0,
    }
    this.#cpu = process.cpuUsage()
    this.#openedMs = nowMs
    this.#dueEvents = 0
    this.#sentEvents = 0
    this.#counts = noCounts()
    this.#latency.reset()
    this.#sendDelay.reset()
    this.#allLoopDelay.merge(this.#loopDelay)
    this.#loopDelay.reset()
    return window
  }
}

function finite(histogram: Histogram, ratio = 0.99): number | null {
  const value = histogram.quantileUs(ratio)
  return value === 'infinite' ? null : value
}
