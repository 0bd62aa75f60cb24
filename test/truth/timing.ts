/** Latencies as arithmetic says they must be, and what the driver says; a contended run is told apart from a wrong one. */
import { loadavg } from 'node:os'
import { Histogram, percentilesOf } from '../../src/kit/histogram.ts'
import type { DriverRun } from './driver-run.ts'

/** Above this the driver itself was kept from its work: its figures say something about the machine. */
const CONTENDED_LOOP_DELAY_US = 15_000
const CONTENDED_SEND_DELAY_US = 20_000
/** A test, its service and its driver keep less than one and a half processes running. */
const CONTENDED_LOAD = 2
const ATTEMPTS = 5

export function allLatencies(run: DriverRun): NonNullable<ReturnType<typeof percentilesOf>> {
  const sum = new Histogram()
  for (const { latencyAll } of run.result.segments) sum.merge(Histogram.decode(latencyAll))
  return percentilesOf(sum)!
}

/** The q-quantile of exact values, by rank. */
export function quantile(values: readonly number[], ratio: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * ratio - 1e-9) - 1)]!
}

/** Why a run says nothing about the driver's honesty, or null. */
export function contention(run: DriverRun): string | null {
  const { eventLoopDelayP99Us } = run.result.driver
  if (eventLoopDelayP99Us > CONTENDED_LOOP_DELAY_US) {
    return `the driver's loop was ${String(Math.round(eventLoopDelayP99Us / 1_000))} ms late (p99)`
  }
  const [load = 0] = loadavg()
  if (load > CONTENDED_LOAD) return `${load.toFixed(1)} processes wanted to run (load average)`
  const delay = percentilesOf(run.result.segments[0]!.sendDelay)!
  if (run.result.segments[0]!.waitedRequests > 0 || typeof delay.p99 !== 'number') return null
  if (delay.p99 <= CONTENDED_SEND_DELAY_US) return null
  return `requests left ${String(Math.round(delay.p99 / 1_000))} ms late (p99) with connections free`
}

/**
 * Repeats a run that was disturbed and failed its check. The check itself is never loosened: a run that passes it
 * passes whatever the machine did, and one that fails it on a quiet machine fails at once.
 */
export async function undisturbed(
  attempt: () => Promise<{ readonly disturbed: string | null; readonly check: () => void }>,
): Promise<void> {
  for (let n = 1; ; n++) {
    const { disturbed, check } = await attempt()
    try {
      check()
      return
    } catch (error) {
      if (disturbed === null || n === ATTEMPTS) throw error
      process.stderr.write(`run ${String(n)} again: ${disturbed}\n`)
    }
  }
}
