/**
 * CHECKPOINTs at known moments: one where the measured phase begins, so that WAL per event is read from the same
 * state in every run (honesty rule 7), and one labelled inside it, so that its cost shows and can be told apart.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { CheckpointOutcome, RunningEngine } from '../engines/engine.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'

export interface CheckpointMark {
  readonly atMs: number
  readonly reason: 'start' | 'labelled'
  /** Servers that made none while another did, each with its reason; absent: none refused. */
  readonly refused?: readonly string[]
}

export interface PlannedCheckpoint {
  /** Offset from the run's epoch. */
  readonly atMs: number
  readonly reason: CheckpointMark['reason']
}

export interface CheckpointContext {
  readonly engines: readonly Pick<RunningEngine, 'name' | 'control'>[]
  readonly epochMs: number
  readonly nowMs: () => number
  readonly signal: AbortSignal
  readonly log: Log
}

/** Runs the planned checkpoints at their moments; resolves with those that an engine began before the signal came. */
export async function runCheckpoints(
  planned: readonly PlannedCheckpoint[],
  context: CheckpointContext,
): Promise<readonly CheckpointMark[]> {
  const marks: CheckpointMark[] = []
  for (const { atMs, reason } of [...planned].sort((a, b) => a.atMs - b.atMs)) {
    try {
      await delay(Math.max(0, context.epochMs + atMs - context.nowMs()), undefined, {
        signal: context.signal,
      })
    } catch {
      // The run ended before this moment: the checkpoint was not made, and is not reported as made.
      break
    }
    const beganMs = context.nowMs() - context.epochMs
    const attempts = await Promise.all(
      context.engines.map((engine) => attempt(engine, reason, context)),
    )
    const refused = attempts.flatMap((one) => (one.how === 'refused' ? [one.because] : []))
    // Where nobody made one there is nothing to see at this moment.
    if (attempts.some((one) => one.how === 'made')) {
      marks.push({ atMs: beganMs, reason, ...(refused.length === 0 ? {} : { refused }) })
    }
  }
  return marks
}

type Attempt =
  { readonly how: CheckpointOutcome } | { readonly how: 'refused'; readonly because: string }

async function attempt(
  { name, control }: CheckpointContext['engines'][number],
  reason: CheckpointMark['reason'],
  { signal, log }: CheckpointContext,
): Promise<Attempt> {
  try {
    return { how: await control.checkpoint(signal) }
  } catch (error) {
    log(`${name}: checkpoint (${reason}) failed: ${messageOf(error)}`)
    // One that was cut short by the run's end, or broke, was begun all the same; a refused one was not.
    return error instanceof HeadroomError && error.code === 'ENGINE_RIGHTS_MISSING'
      ? { how: 'refused', because: `${name}: ${messageOf(error)}` }
      : { how: 'made' }
  }
}
