/**
 * The audit of a service of the user's own through a statement of his. In: its rows and what was sent. Out: the same
 * findings as of a store of ours, but rows of others are left alone, and what the statement does not yield is not judged.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { StorePromise } from '../architecture/architecture.ts'
import type { StatementStore } from '../architecture/evidence.ts'
import { ReadCancelled, readAgain } from '../kit/cancelled-read.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { StoreAudit } from '../results/audit-record.ts'
import type { EventStream } from '../shapes/stream.ts'
import { ExactSum } from './exact-sum.ts'
import { and, or, without } from './index-bits.ts'
import type { IndexBits } from './index-bits.ts'
import { judgePromise, type WorstFault } from './promise.ts'
import type { NotProven } from './reads-audit.ts'
import type { SentEvents } from './sent-events.ts'
import { firstOf, LIST_LIMIT } from './store-audit.ts'
import type { StoredScan } from './stored-scan.ts'
import { nameOf, scanStored } from './stored-scan.ts'

const AGAIN_AFTER_MS = 1_000

export interface StatementAuditOptions {
  readonly store: StatementStore
  /** How long after the run an acknowledged event may take to appear. */
  readonly settleS: number
  readonly stream: EventStream
  readonly sent: SentEvents
  readonly promise: StorePromise
  readonly worstFault?: WorstFault
  readonly listLimit?: number
  readonly signal: AbortSignal
}

/** A statement that fails says nothing of the service: what was measured is kept, and nothing is proven. */
export async function auditStatement(
  options: StatementAuditOptions,
): Promise<{ readonly audit: StoreAudit } | NotProven> {
  try {
    return { audit: await auditRows(options) }
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    const isBadInput = error.code === 'BAD_INPUT'
    if (!isBadInput && !(error instanceof ReadCancelled)) throw error
    const hint = error.hint === null ? '' : `; ${error.hint}`
    const because = `${error.message}${hint}`
    return { audit: null, because, ...(isBadInput ? { code: 'BAD_INPUT' } : {}) }
  }
}

/**
 * Reads the statement again, for as long as it may take, while acknowledged events are missing. They are lost only by a
 * reading that began when their time to settle was over.
 */
async function auditRows(options: StatementAuditOptions): Promise<StoreAudit> {
  const { store, settleS, stream, sent, signal } = options
  const listLimit = options.listLimit ?? LIST_LIMIT
  const settledAtMs = performance.now() + settleS * 1_000
  for (;;) {
    const beganMs = performance.now()
    const scan = await readAgain(signal, () =>
      scanStored({
        rows: store.rows(signal),
        of: 'shared-store',
        yields: store.yields,
        sent,
        stream,
        preloadStream: stream,
        preloadedRows: 0,
        listLimit,
        signal,
      }),
    )
    const lost = sent.acknowledged.clone().combine(scan.stored, without)
    if (lost.count() === 0 || beganMs >= settledAtMs) {
      return findingsOf(options, { scan, lost, listLimit })
    }
    const leftMs = Math.max(1, settledAtMs - performance.now())
    await delay(Math.min(AGAIN_AFTER_MS, leftMs), undefined, { signal })
  }
}

function findingsOf(
  { store, stream, sent, promise, worstFault = 'none' }: StatementAuditOptions,
  found: { readonly scan: StoredScan; readonly lost: IndexBits; readonly listLimit: number },
): StoreAudit {
  const { scan, lost, listLimit } = found
  const name = (index: number): string =>
    nameOf({ source: stream.sourceOf(index), id: stream.idOf(index) })
  const list = (bits: IndexBits): string[] => firstOf(bits, listLimit).map(name)
  const counts = {
    store: store.name,
    acceptedEvents: sent.acknowledged.count(),
    unknownEvents: sent.unknown.count(),
    storedRows: scan.rows - scan.unrelatedRows,
    readableEvents: scan.stored.count(),
    lostEvents: lost.count(),
    duplicatedRows: scan.repeatedRows,
    duplicatedReadable: scan.repeated.count(),
    foreignRows: scan.foreignRows,
    divergedEvents: scan.diverged.count(),
    preloadedRowsExpected: 0,
    preloadedRowsFound: 0,
    ...sumsOf(store, scan, { stream, sent }),
  }
  return {
    ...counts,
    lost: list(lost),
    duplicated: list(scan.repeated),
    diverged: list(scan.diverged),
    foreign: [...scan.foreign],
    listLimit,
    ...judgePromise(counts, { promise, worstFault, disagreement: null }),
    by: 'statement',
    unrelatedRows: scan.unrelatedRows,
    notSeen: [
      ...(store.yields.value ? [] : ['whether values are those that were sent']),
      ...(store.yields.organization
        ? []
        : ['whether events belong to the organization that sent them']),
    ],
  }
}

/** As for a store of ours; where the statement yields no values there is nothing to add up. */
function sumsOf(
  { yields }: StatementStore,
  scan: StoredScan,
  { stream, sent }: { readonly stream: EventStream; readonly sent: SentEvents },
): Pick<StoreAudit, 'value64SumExpected' | 'value64SumStored'> {
  if (!yields.value) return { value64SumExpected: '0', value64SumStored: '0' }
  const expected = new ExactSum()
  const due = sent.unknown.clone().combine(scan.stored, and).combine(sent.acknowledged, or)
  // Refused events that are stored all the same count among the foreign ones, and in the sum of what is stored.
  due.combine(scan.stored, or)
  for (const index of due.indexes()) expected.add(stream.value64Of(index))
  return {
    value64SumExpected: expected.total.toString(),
    value64SumStored: scan.value64SumOfEvents.toString(),
  }
}
