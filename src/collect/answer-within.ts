/** A limit on how long a probe may take. In: a question and a limit. Out: its answer in time, or an error. */
import type { Sample } from './probe.ts'

export interface Limit {
  readonly limitMs: number
  /** Ends the wait early. */
  readonly signal: AbortSignal
}

/** A probe that does not heed its signal is left behind: nobody waits for it. */
export async function answerWithin(
  answer: (signal: AbortSignal) => Promise<readonly Sample[]>,
  { limitMs, signal }: Limit,
): Promise<readonly Sample[]> {
  // By hand: AbortSignal.any on a signal that lives for a day holds on to every signal made from it.
  const own = new AbortController()
  return await new Promise<readonly Sample[]>((resolve, reject) => {
    const giveUp = (because: Error): void => {
      own.abort(because)
      reject(because)
    }
    const onEnd = (): void => {
      giveUp(new Error('the run ended'))
    }
    const timer = setTimeout(() => {
      giveUp(new Error(`no answer within ${limitMs} ms`))
    }, limitMs)
    signal.addEventListener('abort', onEnd, { once: true })
    answer(own.signal)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onEnd)
      })
  })
}
