/**
 * A thread that sleeps until the next request is due and then wakes the driver's event loop. In: shared due times.
 * Out: one empty message per wake. A futex sleep is exact to some 50 µs where a timer of the loop is to 1 ms.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { SharedDueTimes } from './due-times.ts'
import { DUE_TIMES_AHEAD, PUBLISHED, STOPPED, WAKE_PENDING } from './due-times.ts'
import { monotonicMs } from './monotonic.ts'

export interface MetronomeData extends SharedDueTimes {
  /** `monotonicMs() − performance.now()` of the thread whose time the due times are in. */
  readonly clockOffsetMs: number
}

/** Linux rounds a sleep up by its timer slack, 50 µs by default, and the message takes a few more. */
const WAKE_EARLY_MS = 0.06
const SHORTEST_SLEEP_MS = 0.005
const LONGEST_SLEEP_MS = 1_000

function beat({ times, control, clockOffsetMs }: MetronomeData): void {
  const nowMs = (): number => monotonicMs() - clockOffsetMs
  let next = 0
  while (Atomics.load(control, STOPPED) === 0) {
    const published = Atomics.load(control, PUBLISHED)
    if (next >= published) {
      Atomics.wait(control, PUBLISHED, published, LONGEST_SLEEP_MS)
      continue
    }
    const sleepMs = (times[next % DUE_TIMES_AHEAD] ?? 0) - WAKE_EARLY_MS - nowMs()
    if (sleepMs > SHORTEST_SLEEP_MS) {
      Atomics.wait(control, STOPPED, 0, Math.min(sleepMs, LONGEST_SLEEP_MS))
      continue
    }
    const wokenMs = nowMs() + WAKE_EARLY_MS
    while (next < published && (times[next % DUE_TIMES_AHEAD] ?? 0) <= wokenMs) next++
    if (Atomics.exchange(control, WAKE_PENDING, 1) === 0) parentPort?.postMessage(0)
  }
}

beat(workerData as MetronomeData)
