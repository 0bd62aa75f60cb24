/**
 * The audit of a service of the user's own through its reads. In: what was sent, and a way to ask for one event. Out: which
 * acknowledged events are not given back. What nobody asks for stays unseen, and the findings say so.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { StorePromise } from '../architecture/architecture.ts'
import type { PointReader, ReadAnswer } from '../architecture/evidence.ts'
import type { StoreAudit } from '../results/audit-record.ts'
import type { EventStream } from '../shapes/stream.ts'
import { ExactSum } from './exact-sum.ts'
import { IndexBits, or, without } from './index-bits.ts'
import { judgePromise } from './promise.ts'
import type { SentEvents } from './sent-events.ts'
import { firstOf, LIST_LIMIT } from './store-audit.ts'
import { nameOf } from './stored-scan.ts'

const AGAIN_FIRST_MS = 200
const AGAIN_MAX_MS = 5_000
/** Questions about events that were never sent. */
const CONTROLS = 8
/** Every so-many-th event first: when the time is over, what was asked is an even sample. */
const STRIDE = 64

export interface ReadsAuditOptions {
  readonly reader: PointReader
  /** How long after the run an acknowledged event may take to become readable. */
  readonly settleS: number
  readonly stream: EventStream
  readonly sent: SentEvents
  readonly promise: StorePromise
  readonly listLimit?: number
  readonly signal: AbortSignal
}

export async function auditReads(options: ReadsAuditOptions): Promise<StoreAudit> {
  const { settleS, signal, sent } = options
  const startedMs = performance.now()
  const asking = new Asking(options)
  const invented = await inventedBy(options)
  await asking.askAll(asking.sample(sent.acknowledged))
  await asking.askAll(asking.sample(sent.refused.clone().combine(sent.unknown, or)))
  // Only what was acknowledged must come; it may take a moment.
  for (let waitMs = AGAIN_FIRST_MS; ; waitMs = Math.min(AGAIN_MAX_MS, waitMs * 2)) {
    const open = asking.open()
    const leftMs = startedMs + settleS * 1_000 - performance.now()
    if (open.count() === 0 || leftMs <= 0) break
    await delay(Math.min(waitMs, leftMs), undefined, { signal })
    await asking.askAll(open.indexes())
  }
  return findingsOf(options, asking, invented)
}

/** Who gives back what was never sent gives back anything: how many of a few such events the service says it has. */
async function inventedBy({ reader, stream, sent, signal }: ReadsAuditOptions): Promise<number> {
  if (sent.events === 0) return 0
  const organizationId = stream.sourceOf(0)
  let invented = 0
  for (let control = 0; control < CONTROLS; control++) {
    const answer = await reader.read({ organizationId, transactionId: randomUUID() }, signal)
    // One that says neither yes nor no will not say more the next time.
    if (answer.kind === 'unanswered') break
    if (answer.kind === 'found') invented++
  }
  return invented
}

class Asking {
  readonly asked: IndexBits
  readonly found: IndexBits
  readonly diverged: IndexBits
  readonly #unanswered: IndexBits
  readonly #options: ReadsAuditOptions
  readonly #sum = new ExactSum()
  readonly #deadlineMs: number
  lastError = ''

  constructor(options: ReadsAuditOptions) {
    const { events } = options.sent
    this.#options = options
    this.#deadlineMs = performance.now() + options.reader.withinS * 1_000
    this.asked = new IndexBits(events)
    this.found = new IndexBits(events)
    this.diverged = new IndexBits(events)
    this.#unanswered = new IndexBits(events)
  }

  /** value × 64 of what was found. */
  get value64Sum(): bigint {
    return this.#sum.total
  }

  /** At most `eventsMax` of a set, spread evenly over it. */
  *sample(of: IndexBits): Generator<number> {
    const every = Math.max(1, Math.ceil(of.count() / this.#options.reader.eventsMax))
    for (let first = 0; first < STRIDE; first++) {
      let position = 0
      for (const index of of.indexes()) {
        const chosen = position++
        if (chosen % every !== 0 || (chosen / every) % STRIDE !== first) continue
        yield index
      }
    }
  }

  /** Acknowledged events that were asked for and not given back. */
  open(): IndexBits {
    return this.#options.sent.acknowledged
      .clone()
      .combine(this.asked, (mine, theirs) => mine & theirs)
      .combine(this.found, without)
  }

  /** Of the open ones, those the service did not say were missing. */
  unanswered(): IndexBits {
    return this.open().combine(this.#unanswered, (mine, theirs) => mine & theirs)
  }

  async askAll(indexes: Iterator<number> & Iterable<number>): Promise<void> {
    const worker = async (): Promise<void> => {
      for (let next = indexes.next(); next.done !== true; next = indexes.next()) {
        if (performance.now() > this.#deadlineMs) return
        await this.#ask(next.value)
      }
    }
    const { concurrency } = this.#options.reader
    await Promise.all(Array.from({ length: concurrency }, worker))
  }

  async #ask(index: number): Promise<void> {
    const { reader, stream, signal } = this.#options
    const event = { organizationId: stream.sourceOf(index), transactionId: stream.idOf(index) }
    this.asked.add(index)
    this.#take(index, await reader.read(event, signal))
  }

  #take(index: number, answer: ReadAnswer): void {
    const { reader, stream } = this.#options
    switch (answer.kind) {
      case 'found':
        if (!this.found.add(index) || !reader.comparesValues) return
        if (answer.value !== stream.valueAt(index)) this.diverged.add(index)
        this.#sum.add(Math.round((answer.value ?? Number.NaN) * 64))
        break
      case 'missing':
        this.#unanswered.remove(index)
        break
      case 'unanswered':
        this.#unanswered.add(index)
        this.lastError = answer.because
    }
  }
}

function findingsOf(
  { reader, stream, sent, promise, ...rest }: ReadsAuditOptions,
  asking: Asking,
  invented: number,
): StoreAudit {
  const listLimit = rest.listLimit ?? LIST_LIMIT
  const name = (index: number): string =>
    nameOf({ source: stream.sourceOf(index), id: stream.idOf(index) })
  const list = (bits: IndexBits): string[] => firstOf(bits, listLimit).map(name)
  const unanswered = asking.unanswered()
  const lost = asking.open().combine(unanswered, without)
  const refusedAndThere = asking.found
    .clone()
    .combine(sent.refused, (mine, theirs) => mine & theirs)
  const askedEvents = asking.asked
    .clone()
    .combine(sent.acknowledged, (mine, theirs) => mine & theirs)
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
    divergedEvents: asking.diverged.count(),
    preloadedRowsExpected: 0,
    preloadedRowsFound: 0,
    ...sumsOf({ reader, stream }, asking),
  }
  const words = wordsOf(counts, {
    promise,
    askedEvents,
    unanswered,
    invented,
    lastError: asking.lastError,
  })
  return {
    ...counts,
    lost: list(lost),
    duplicated: [],
    diverged: list(asking.diverged),
    foreign: firstOf(refusedAndThere, listLimit).map(
      (index) => `${name(index)} (was refused and is there)`,
    ),
    listLimit,
    ...words,
    by: 'reads',
    askedEvents,
    unansweredReads: unanswered.count(),
    notSeen: [
      'whether an event is stored more than once',
      ...(reader.comparesValues ? [] : ['whether values are those that were sent']),
      ...(askedEvents < counts.acceptedEvents
        ? [
            `the ${(counts.acceptedEvents - askedEvents).toLocaleString('en')} acknowledged events that were not asked for`,
          ]
        : []),
    ],
  }
}

function sumsOf(
  { reader, stream }: Pick<ReadsAuditOptions, 'reader' | 'stream'>,
  asking: Asking,
): Pick<StoreAudit, 'value64SumExpected' | 'value64SumStored'> {
  if (!reader.comparesValues) return { value64SumExpected: '0', value64SumStored: '0' }
  const expected = new ExactSum()
  for (const index of asking.found.indexes()) expected.add(stream.value64Of(index))
  return {
    value64SumExpected: expected.total.toString(),
    value64SumStored: asking.value64Sum.toString(),
  }
}

function wordsOf(
  counts: Omit<
    StoreAudit,
    'verdict' | 'because' | 'lost' | 'duplicated' | 'diverged' | 'foreign' | 'listLimit'
  >,
  seen: {
    readonly promise: StorePromise
    readonly askedEvents: number
    readonly unanswered: IndexBits
    readonly invented: number
    readonly lastError: string
  },
): Pick<StoreAudit, 'verdict' | 'because'> {
  const { askedEvents, unanswered, invented, lastError } = seen
  if (invented > 0) {
    const words = `the service gives back events that were never sent (${String(invented)} of ${String(CONTROLS)} asked for)`
    return { verdict: 'broken', because: `Its reads prove nothing: ${words}.` }
  }
  const judged = judgePromise(counts, {
    promise: seen.promise,
    worstFault: 'none',
    disagreement: null,
  })
  const silent = unanswered.count()
  if (silent > 0) {
    const words = `${silent.toLocaleString('en')} acknowledged events could not be read back (${lastError})`
    const others = judged.verdict === 'broken' ? ` ${judged.because}` : ''
    return { verdict: 'broken', because: `${words}.${others}` }
  }
  const { acceptedEvents } = counts
  if (askedEvents === 0 && acceptedEvents > 0) {
    return { verdict: 'broken', because: 'No acknowledged event was asked for in the time given.' }
  }
  const of = `${askedEvents.toLocaleString('en')} of ${acceptedEvents.toLocaleString('en')} acknowledged events were asked for`
  if (judged.verdict !== 'whole') {
    return askedEvents < acceptedEvents
      ? { ...judged, because: `${of}: ${judged.because}` }
      : judged
  }
  if (askedEvents === acceptedEvents) {
    return {
      verdict: 'whole',
      because: 'Every acknowledged event was read back through the service.',
    }
  }
  // Nothing in n draws: with 95 % confidence at most 3/n of all are missing (the rule of three).
  const atMost = ((3 / Math.max(1, askedEvents)) * 100).toPrecision(2)
  return {
    verdict: 'whole',
    because: `${of}, and each was there: with 95 % confidence at most ${atMost} % are missing.`,
  }
}
