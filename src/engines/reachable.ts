/** Notices when a user's own server goes away. In: a way to ask it. Out: one sentence once it stays silent. */
import { messageOf } from '../kit/errors.ts'

const ASK_EVERY_MS = 2_000
const ANSWER_WITHIN_MS = 5_000
/** A restart or a failover is not yet the end of a run. */
const SILENT_TIMES = 5

export interface Reachable extends AsyncDisposable {
  /** Resolves with a sentence when the server stays unreachable; never rejects. */
  readonly lost: Promise<string>
}

export function watchReachable(
  name: string,
  ask: (signal: AbortSignal) => Promise<void>,
): Reachable {
  const stopped = new AbortController()
  let tell: (sentence: string) => void = () => undefined
  const lost = new Promise<string>((resolve) => (tell = resolve))
  let silent = 0
  let asking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    const within = AbortSignal.any([stopped.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)])
    asking = ask(within).then(
      () => {
        silent = 0
      },
      (error: unknown) => {
        silent += 1
        if (silent === SILENT_TIMES) tell(`${name} does not answer any more: ${messageOf(error)}`)
      },
    )
  }, ASK_EVERY_MS)
  timer.unref()
  return {
    lost,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      stopped.abort()
      await asking
    },
  }
}
