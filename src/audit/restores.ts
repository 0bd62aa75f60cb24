/**
 * What a store may lack after it was made again from a backup, or died though its promise survives no death. In: outcomes of
 * every due event, and the spans that such a fault excuses. Out: the events that it must hold all the same.
 */
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES } from '../drive/job.ts'
import type { EventStream } from '../shapes/stream.ts'
import { IndexBits } from './index-bits.ts'
import type { OutcomeReader } from './outcomes.ts'

/** What one fault may take from a store, in ms after the epoch. */
export interface Restore {
  /** The part whose death takes what it held; absent: the engine was restored, which brings back all before the bound. */
  readonly killed?: string | undefined
  /** `the end of the archive, segment …`: for the report. Of a death: nothing, `the start`. */
  readonly upTo: string
  /** What was acknowledged before must be there. */
  readonly keptUntilMs: number
  /** What was acknowledged after must be there too: it was sent when the restored database already took writes. */
  readonly lostUntilMs: number
}

/** Driver and harness anchor the wall clock each for itself when they begin. */
const CLOCKS_AGREE_MS = 5
/** The log of outcomes holds no later time than this: an answer that came later still has it too. */
const LATEST_ACK = NO_ACK - 1

/**
 * Events with an answer that no restore excuses. A repeat that is acknowledged after the restore says that the event is
 * safe, whatever became of the first.
 */
export async function mustBeThere(
  outcomes: OutcomeReader,
  {
    stream,
    restores,
  }: { readonly stream: Pick<EventStream, 'canonicalOf'>; readonly restores: readonly Restore[] },
  signal: AbortSignal,
): Promise<IndexBits> {
  const due = new IndexBits(outcomes.events)
  for await (const { firstIndex, outcomes: codes, ackUnits } of outcomes.blocks(signal)) {
    for (let event = 0; event < codes.length; event++) {
      const code = codes[event]
      if (code !== OUTCOME_CODES.accepted && code !== OUTCOME_CODES.duplicate) continue
      const units = ackUnits[event] ?? NO_ACK
      if (!isExcused(units, restores)) due.add(stream.canonicalOf(firstIndex + event))
    }
  }
  return due
}

function isExcused(ackUnits: number, restores: readonly Restore[]): boolean {
  // An answer without a time, or later than times are kept, cannot be held against a store.
  if (ackUnits >= LATEST_ACK) return true
  const ackMs = (ackUnits * ACK_UNIT_US) / 1_000
  return restores.some(
    ({ keptUntilMs, lostUntilMs }) =>
      ackMs >= keptUntilMs - CLOCKS_AGREE_MS && ackMs <= lostUntilMs + CLOCKS_AGREE_MS,
  )
}
