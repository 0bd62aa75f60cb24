/**
 * Whether a store holds what was acknowledged. In: the store's rows, what was sent, and what the architecture promised.
 * Out: counts and lists of what is lost, duplicated, diverged and foreign, and a verdict. The service is never asked.
 */
import type { StorePromise } from '../architecture/architecture.ts'
import type { Store } from '../engines/engine.ts'
import { readAgain } from '../kit/cancelled-read.ts'
import type { StoreAudit } from '../results/audit-record.ts'
import type { EventStream } from '../shapes/stream.ts'
import { ExactSum } from './exact-sum.ts'
import { halfStored } from './half-stored.ts'
import { and, or, without, type IndexBits } from './index-bits.ts'
import { judgePromise, type WorstFault } from './promise.ts'
import type { Restore } from './restores.ts'
import type { SentEvents } from './sent-events.ts'
import { nameOf, scanStored, type StoredScan } from './stored-scan.ts'
import { totalsDisagreement } from './totals.ts'

export const LIST_LIMIT = 1_000

export interface StoreAuditOptions {
  readonly store: Pick<Store, 'name' | 'rows' | 'readable' | 'totals'>
  readonly stream: EventStream
  /** Absent: preloaded rows come from `stream`. */
  readonly preloadStream?: EventStream
  readonly sent: SentEvents
  /** Events of a request; absent: one. */
  readonly batchEvents?: number
  readonly preloadedRows: number
  readonly promise: StorePromise
  /** The worst thing that was done to the target while it ran. */
  readonly worstFault?: WorstFault
  /** What it was made again from, and what it must hold all the same; absent: it was not. */
  readonly restored?: { readonly restores: readonly Restore[]; readonly due: IndexBits }
  readonly listLimit?: number
  readonly signal: AbortSignal
}

export interface StoreFindings {
  readonly audit: StoreAudit
  /** Events of the run that the store gives out, and those whose value differs: to compare stores with. */
  readonly held: IndexBits
  readonly diverged: IndexBits
}

export async function auditStore(options: StoreAuditOptions): Promise<StoreFindings> {
  const { store, stream, sent, preloadedRows, promise, signal } = options
  const listLimit = options.listLimit ?? LIST_LIMIT
  const preloadStream = options.preloadStream ?? stream
  const common = { sent, stream, preloadStream, preloadedRows, listLimit, signal }
  const scanned = (rows: Store['rows']): Promise<StoredScan> =>
    readAgain(signal, () => scanStored({ ...common, rows: rows(signal) }))
  const raw = await scanned((within) => store.rows(within))
  const disagreement = totalsDisagreement(raw, await store.totals(signal), promise)
  const readable = await scanned((within) => store.readable(within))

  const held = raw.stored.clone().combine(readable.stored, and)
  const lost = sent.acknowledged.clone().combine(held, without)
  const diverged = raw.diverged.clone().combine(readable.diverged, or)
  const name = (index: number): string =>
    nameOf({ source: stream.sourceOf(index), id: stream.idOf(index) })
  const list = (bits: IndexBits, say: (index: number) => string): string[] =>
    firstOf(bits, listLimit).map(say)
  const whereLost = (index: number): string =>
    raw.stored.has(index) ? `${name(index)} (stored, not readable)` : name(index)

  const counts = {
    store: store.name,
    acceptedEvents: sent.acknowledged.count(),
    unknownEvents: sent.unknown.count(),
    storedRows: raw.rows - preloadRowsOf(raw),
    readableEvents: readable.stored.count(),
    lostEvents: lost.count(),
    duplicatedRows: raw.repeatedRows,
    duplicatedReadable: readable.repeated.count() + readable.repeatedPreloaded.length,
    foreignRows: raw.foreignRows,
    divergedEvents: diverged.count() + raw.divergedPreloaded,
    preloadedRowsExpected: preloadedRows,
    preloadedRowsFound: Math.min(raw.preloadedFound, readable.preloadedFound),
  }
  const sums = sumsOf({ raw, sent, stream })
  const { batchEvents = 1 } = options
  const half = halfStored({ stored: raw.stored, sent, batchEvents })
  const restored = restoredOf(options, lost, (bits) => list(bits, whereLost))
  const audit: StoreAudit = {
    ...counts,
    ...sums,
    lost: list(lost, whereLost),
    duplicated: [...list(raw.repeated, name), ...raw.repeatedPreloaded].slice(0, listLimit),
    diverged: list(diverged, name),
    foreign: [...raw.foreign],
    listLimit,
    // Of requests of one event there is no half.
    ...(batchEvents === 1
      ? {}
      : { halfStored: { requests: half.length, first: half.slice(0, listLimit).map(name) } }),
    ...judgePromise(
      { ...counts, ...sums },
      { promise, worstFault: options.worstFault ?? 'none', disagreement, ...restored },
    ),
    ...restored,
  }
  return { audit, held, diverged }
}

/** Lost events that no restore excuses. */
function restoredOf(
  { restored }: StoreAuditOptions,
  lost: IndexBits,
  list: (bits: IndexBits) => string[],
): { readonly restored?: NonNullable<StoreAudit['restored']> } {
  if (restored === undefined) return {}
  const beyond = lost.clone().combine(restored.due, and)
  const restores = [...restored.restores]
  return { restored: { restores, beyondEvents: beyond.count(), beyond: list(beyond) } }
}

/** Preloaded rows and their repeats: the rest of the rows was added by the run. */
function preloadRowsOf(raw: StoredScan): number {
  return raw.preloadedFound + raw.repeatedPreloaded.length
}

/**
 * Expected: acknowledged events and those unanswered ones that turned out to be stored. Stored: the first row of each
 * event of this run. Equal sums beside equal sets mean equal values.
 */
function sumsOf(from: {
  readonly raw: StoredScan
  readonly sent: SentEvents
  readonly stream: EventStream
}): Pick<StoreAudit, 'value64SumExpected' | 'value64SumStored'> {
  const { raw, sent, stream } = from
  const expected = new ExactSum()
  const due = sent.unknown.clone().combine(raw.stored, and).combine(sent.acknowledged, or)
  for (const index of due.indexes()) expected.add(stream.value64Of(index))
  return {
    value64SumExpected: expected.total.toString(),
    value64SumStored: raw.value64SumOfEvents.toString(),
  }
}

export function firstOf(bits: IndexBits, limit: number): number[] {
  const found: number[] = []
  for (const index of bits.indexes()) {
    if (found.length === limit) break
    found.push(index)
  }
  return found
}
