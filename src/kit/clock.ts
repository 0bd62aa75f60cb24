/** Where the time comes from: wall clock and sleep behind one small interface. */
import { setTimeout as delay } from 'node:timers/promises'

/** Time as an argument, so that a test can turn the hands itself. */
export interface Clock {
  /** Wall-clock milliseconds with sub-millisecond digits, monotonic within one process. */
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  sleep: async (ms, signal) => {
    await delay(Math.max(0, ms), undefined, signal === undefined ? {} : { signal })
  },
}
