/**
 * Questions to a service of the user's own, a few at a time. In: a way to ask for one event, and which to ask for. Out: what
 * it gave back, what it called missing, and what it said nothing about.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { AskedEvent, PointReader, ReadAnswer } from '../architecture/evidence.ts'
import type { EventStream } from '../shapes/stream.ts'
import { ExactSum } from './exact-sum.ts'
import { and, IndexBits, without } from './index-bits.ts'
import { drawn } from './index-draws.ts'
import type { SentEvents } from './sent-events.ts'

/** Questions about events that were never sent. */
const CONTROLS = 16

export interface AskingOptions {
  readonly reader: PointReader
  readonly stream: EventStream
  readonly sent: SentEvents
  readonly signal: AbortSignal
}

/** How a service answers for events that nobody sent. */
export interface Controls {
  readonly asked: number
  readonly found: number
  readonly missing: number
}

/** Who gives back what was never sent gives back anything. */
export async function askControls(options: AskingOptions): Promise<Controls> {
  const { reader, signal } = options
  let found = 0
  let missing = 0
  const events = neverSent(options)
  for (const event of events) {
    const { kind } = await reader.read(event, signal)
    if (kind === 'found') found++
    if (kind === 'missing') missing++
    // One that says neither yes nor no will not say more the next time.
    if (kind === 'unanswered') break
  }
  return { asked: events.length, found, missing }
}

/** Events of the same stream behind the last one that was due; of a recorded one, which has no more, identifiers of ours. */
function neverSent({ stream, sent }: AskingOptions): readonly AskedEvent[] {
  if (sent.events === 0) return []
  const events: AskedEvent[] = []
  for (let index = sent.events; events.length < CONTROLS && index < stream.eventCount; index++) {
    if (stream.canonicalOf(index) === index) events.push(identityOf(stream, index))
  }
  while (events.length < CONTROLS) {
    events.push({ organizationId: stream.sourceOf(0), transactionId: randomUUID() })
  }
  return events
}

export class Asking {
  readonly asked: IndexBits
  readonly found: IndexBits
  readonly diverged: IndexBits
  readonly #unanswered: IndexBits
  readonly #options: AskingOptions
  readonly #sum = new ExactSum()
  lastError = ''
  /** The answer that was called missing last. */
  lastMissing = ''
  #lastNoValue = ''
  #noValues = 0

  constructor(options: AskingOptions) {
    const { events } = options.sent
    this.#options = options
    this.asked = new IndexBits(events)
    this.found = new IndexBits(events)
    this.diverged = new IndexBits(events)
    this.#unanswered = new IndexBits(events)
  }

  /** value × 64 of what was found. */
  get value64Sum(): bigint {
    return this.#sum.total
  }

  /** At most `eventsMax` of a set, drawn at random: the first of them are random draws too. */
  *sample(of: IndexBits): Generator<number> {
    const { reader, stream } = this.#options
    let left = Math.min(of.count(), reader.eventsMax)
    if (left === 0) return
    // Of this run's identifiers: the same events are asked for when the audit of a run is made again.
    const seed = createHash('sha256').update(stream.idOf(0)).digest().readInt32LE()
    for (const index of drawn(of, seed)) {
      yield index
      if (--left <= 0) return
    }
  }

  /** Acknowledged events that were asked for and not given back. */
  open(): IndexBits {
    return this.#options.sent.acknowledged
      .clone()
      .combine(this.asked, and)
      .combine(this.found, without)
  }

  /** Where a value was looked for, when none of all the answers holds one: then it is no value that differs. */
  noValueAnywhere(): string | null {
    return this.#noValues > 0 && this.#noValues === this.found.count() ? this.#lastNoValue : null
  }

  /** Of the open ones, those the service did not say were missing. */
  unanswered(): IndexBits {
    return this.open().combine(this.#unanswered, and)
  }

  /** Begins no question after `untilMs` (of performance.now). Returns those it got to. */
  async askAll(indexes: Iterator<number> & Iterable<number>, untilMs: number): Promise<IndexBits> {
    const reached = new IndexBits(this.#options.sent.events)
    const worker = async (): Promise<void> => {
      while (performance.now() <= untilMs) {
        const next = indexes.next()
        if (next.done === true) return
        await this.#ask(next.value)
        reached.add(next.value)
      }
    }
    const { concurrency } = this.#options.reader
    await Promise.all(Array.from({ length: concurrency }, worker))
    return reached
  }

  async #ask(index: number): Promise<void> {
    const { reader, stream, signal } = this.#options
    this.asked.add(index)
    this.#take(index, await reader.read(identityOf(stream, index), signal))
  }

  #take(index: number, answer: ReadAnswer): void {
    const { reader, stream } = this.#options
    switch (answer.kind) {
      case 'found':
        if (!this.found.add(index) || !reader.comparesValues) return
        if (Number.isNaN(answer.value)) {
          this.#noValues++
          this.#lastNoValue = answer.because ?? 'no value in the answer'
        }
        if (answer.value !== stream.valueAt(index)) this.diverged.add(index)
        this.#sum.add(Math.round((answer.value ?? Number.NaN) * 64))
        break
      case 'missing':
        this.#unanswered.remove(index)
        this.lastMissing = answer.because ?? 'that it is missing'
        break
      case 'unanswered':
        this.#unanswered.add(index)
        this.lastError = answer.because
    }
  }
}

function identityOf(stream: EventStream, index: number): AskedEvent {
  return { organizationId: stream.sourceOf(index), transactionId: stream.idOf(index) }
}
