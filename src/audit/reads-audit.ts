/**
 * The audit of a service of the user's own through its reads. In: what was sent, and a way to ask for one event. Out: which
 * acknowledged events are not given back. What nobody asks for stays unseen, and the findings say so.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { StorePromise } from '../architecture/architecture.ts'
import type { PointReader } from '../architecture/evidence.ts'
import type { StoreAudit } from '../results/audit-record.ts'
import type { EventStream } from '../shapes/stream.ts'
import { askControls, Asking } from './asking.ts'
import type { Controls } from './asking.ts'
import { ExactSum } from './exact-sum.ts'
import { and, IndexBits, or, without } from './index-bits.ts'
import type { WorstFault } from './promise.ts'
import { judgeReads } from './reads-verdict.ts'
import type { SentEvents } from './sent-events.ts'
import { firstOf, LIST_LIMIT } from './store-audit.ts'
import { nameOf } from './stored-scan.ts'

const AGAIN_FIRST_MS = 200
const AGAIN_MAX_MS = 5_000

export interface ReadsAuditOptions {
  readonly reader: PointReader
  /** How long after the run an acknowledged event may take to become readable. */
  readonly settleS: number
  readonly stream: EventStream
  readonly sent: SentEvents
  readonly promise: StorePromise
  readonly worstFault?: WorstFault
  readonly listLimit?: number
  readonly signal: AbortSignal
}

/** Nothing that proves anything, and why. */
export interface NotProven {
  readonly audit: null
  readonly because: string
  /** Where it is the target file, or that nothing was accepted, that kept it from being proven. */
  readonly code?: 'BAD_INPUT' | 'NOTHING_ACCEPTED'
}

/** What was found; or nothing that proves anything, and why. */
type ReadsAuditEnd = { readonly audit: StoreAudit } | NotProven

export async function auditReads(options: ReadsAuditOptions): Promise<ReadsAuditEnd> {
  const { reader, settleS, sent } = options
  const startedMs = performance.now()
  const untilMs = startedMs + reader.withinS * 1_000
  const controls = await askControls(options)
  const asking = new Asking(options)
  await asking.askAll(asking.sample(sent.acknowledged), untilMs)
  await asking.askAll(asking.sample(sent.refused.clone().combine(sent.unknown, or)), untilMs)
  const unsettled = await askAgain(options, asking, startedMs + settleS * 1_000)
  return findingsOf(options, { asking, controls, unsettled })
}

/**
 * Only what was acknowledged must come; it may take a moment. Whatever is still open is asked for once more by a look that
 * begins when the time to settle is over, and only that one counts. Returns open ones which it did not get to.
 */
async function askAgain(
  { reader, signal }: ReadsAuditOptions,
  asking: Asking,
  settledAtMs: number,
): Promise<IndexBits> {
  for (let waitMs = AGAIN_FIRST_MS; ; waitMs = Math.min(AGAIN_MAX_MS, waitMs * 2)) {
    const beganMs = performance.now()
    const isLast = beganMs >= settledAtMs
    const untilMs = isLast ? beganMs + Math.max(0, reader.withinS) * 1_000 : settledAtMs
    const open = asking.open()
    const reached = await asking.askAll(open.indexes(), untilMs)
    const left = asking.open()
    if (isLast || left.count() === 0) return left.combine(reached, without)
    const leftMs = Math.max(1, settledAtMs - performance.now())
    await delay(Math.min(waitMs, leftMs), undefined, { signal })
  }
}

interface Seen {
  readonly asking: Asking
  readonly controls: Controls
  /** Open events that the look which counts did not get to. */
  readonly unsettled: IndexBits
}

function findingsOf(
  { reader, stream, sent, promise, ...rest }: ReadsAuditOptions,
  { asking, controls, unsettled }: Seen,
): ReadsAuditEnd {
  const listLimit = rest.listLimit ?? LIST_LIMIT
  const name = (index: number): string =>
    nameOf({ source: stream.sourceOf(index), id: stream.idOf(index) })
  const list = (bits: IndexBits): string[] => firstOf(bits, listLimit).map(name)
  const unanswered = asking.unanswered().combine(unsettled, without)
  const lost = asking.open().combine(unanswered, without).combine(unsettled, without)
  const noValue = asking.noValueAnywhere()
  const comparesValues = reader.comparesValues && noValue === null
  const diverged = noValue === null ? asking.diverged : new IndexBits(sent.events)
  const refusedAndThere = asking.found.clone().combine(sent.refused, and)
  const askedEvents = asking.asked
    .clone()
    .combine(sent.acknowledged, and)
    .combine(unsettled, without)
    .count()
  const counts = {
    store: reader.name,
    acceptedEvents: sent.acknowledged.count(),
    unknownEvents: sent.unknown.count(),
    storedRows: asking.found.count(),
    readableEvents: asking.found.count(),
    lostEvents: lost.count(),
    duplicatedRows: 0,
    duplicatedReadable: 0,
    foreignRows: refusedAndThere.count(),
    divergedEvents: diverged.count(),
    preloadedRowsExpected: 0,
    preloadedRowsFound: 0,
    ...sumsOf(stream, asking, comparesValues),
  }
  const unansweredReads = unanswered.count()
  const judged = judgeReads(counts, {
    promise,
    worstFault: rest.worstFault ?? 'none',
    askedEvents,
    unansweredReads,
    unsettledEvents: unsettled.count(),
    controls,
    lastError: asking.lastError,
    lastMissing: asking.lastMissing,
    noValue,
  })
  if (judged.verdict === 'unproven') {
    const { because, code } = judged
    return { audit: null, because, ...(code === undefined ? {} : { code }) }
  }
  const audit: StoreAudit = {
    ...counts,
    lost: list(lost),
    duplicated: [],
    diverged: list(diverged),
    foreign: firstOf(refusedAndThere, listLimit).map(
      (index) => `${name(index)} (was refused and is there)`,
    ),
    listLimit,
    ...judged,
    by: 'reads',
    askedEvents,
    unansweredReads,
    notSeen: notSeenBy(comparesValues, controls, counts.acceptedEvents - askedEvents),
  }
  return { audit }
}

function notSeenBy(comparesValues: boolean, controls: Controls, notAskedEvents: number): string[] {
  return [
    'whether an event is stored more than once',
    ...(comparesValues ? [] : ['whether values are those that were sent']),
    ...(controls.asked > 0 && controls.missing === 0
      ? ['whether it calls an event missing that nobody sent']
      : []),
    ...(notAskedEvents > 0
      ? [`the ${notAskedEvents.toLocaleString('en')} acknowledged events that were not asked for`]
      : []),
  ]
}

function sumsOf(
  stream: EventStream,
  asking: Asking,
  comparesValues: boolean,
): Pick<StoreAudit, 'value64SumExpected' | 'value64SumStored'> {
  if (!comparesValues) return { value64SumExpected: '0', value64SumStored: '0' }
  const expected = new ExactSum()
  for (const index of asking.found.indexes()) expected.add(stream.value64Of(index))
  return {
    value64SumExpected: expected.total.toString(),
    value64SumStored: asking.value64Sum.toString(),
  }
}
