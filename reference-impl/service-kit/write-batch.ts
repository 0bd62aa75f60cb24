/**
 * One batch of many requests. In: their events and a writer. Out: one answer per request, exact per item: repeats inside
 * the batch are told apart from the first, and an item no store takes is found by halving and refused alone.
 */
import type { Deadline } from './deadline.ts'
import {
  ALL_ACCEPTED,
  type Answer,
  type BatchWriter,
  type Refusal,
  type Written,
} from './written.ts'

export interface WriteBatchOptions<Event> {
  readonly identityOf: (event: Event) => string
  readonly deadline: Deadline
  readonly order: 'by-identity' | 'as-arrived'
}

export interface BatchOutcome {
  /** By position of the request. */
  readonly answers: readonly Answer[]
  /** For a position without an answer; a batch always has them all, so only the type needs it. */
  readonly fallback: Answer
  /** The store asked for a pause. */
  readonly backoff: boolean
}

type ItemState =
  | { readonly state: 'accepted' | 'duplicate' }
  | { readonly state: 'rejected' | 'refused'; readonly because: string }
  | { readonly state: 'unknown'; readonly because: string }

interface Item<Event = unknown> {
  readonly event: Event
  readonly identity: string
  outcome: ItemState
}

const UNANSWERED: Answer = { state: 'unknown', because: 'the batch ended without an outcome' }
const PENDING: ItemState = { state: 'unknown', because: 'not written' }
const ACCEPTED: ItemState = { state: 'accepted' }
const DUPLICATE: ItemState = { state: 'duplicate' }
const UNDER_WAY = {
  state: 'refused',
  because: 'the same event is being written; send it again',
} as const
const ACCEPTED_ALONE = outcomeAlone(ALL_ACCEPTED)
const DUPLICATE_ALONE = outcomeAlone({ state: 'stored', duplicates: [0], rejected: [] })

/** Never rejects. */
export async function writeBatch<Event>(
  writer: BatchWriter<Event>,
  requests: readonly (readonly Event[])[],
  options: WriteBatchOptions<Event>,
): Promise<BatchOutcome> {
  try {
    const [events] = requests
    const [event] = events ?? []
    const isAlone = requests.length === 1 && events?.length === 1 && event !== undefined
    return isAlone
      ? await writeAlone(writer, [event], options.deadline)
      : await writeAll(writer, requests, options)
  } catch (error) {
    // A writer broke its word not to reject: nobody knows what is stored.
    const because = error instanceof Error ? error.name : 'writer failed'
    return {
      answers: requests.map(() => ({ state: 'unknown', because })),
      fallback: UNANSWERED,
      backoff: false,
    }
  }
}

/** One event has no repeats, no order and no halves: a service without batches pays for none of them. */
async function writeAlone<Event>(
  writer: BatchWriter<Event>,
  events: readonly [Event],
  deadline: Deadline,
): Promise<BatchOutcome> {
  const written = await writer.write(events, deadline)
  switch (written.state) {
    case 'stored':
      if ((written.underWay ?? []).length > 0) return outcomeAlone(UNDER_WAY)
      return written.duplicates.length === 0 ? ACCEPTED_ALONE : DUPLICATE_ALONE
    case 'bad-data':
      return outcomeAlone({
        state: 'stored',
        duplicates: [],
        rejected: [{ index: 0, reason: written.because }],
      })
    case 'refused':
      return {
        ...outcomeAlone({ state: 'refused', because: written.because }),
        backoff: written.backoff,
      }
    case 'unknown':
      return outcomeAlone(written)
  }
}

function outcomeAlone(answer: Answer): BatchOutcome {
  return { answers: [answer], fallback: UNANSWERED, backoff: false }
}

async function writeAll<Event>(
  writer: BatchWriter<Event>,
  requests: readonly (readonly Event[])[],
  context: WriteBatchOptions<Event>,
): Promise<BatchOutcome> {
  const items: Item<Event>[] = []
  for (const events of requests) {
    for (const event of events)
      items.push({ event, identity: context.identityOf(event), outcome: PENDING })
  }
  const run = new BatchRun(writer, context)
  let round: readonly Item<Event>[] = items
  while (round.length > 0) {
    const { firsts, repeats } = splitRepeats(round)
    await run.write(
      context.order === 'by-identity' ? byIdentity([...firsts.values()]) : [...firsts.values()],
    )
    round = settleRepeats(repeats, firsts)
  }
  if (run.allAccepted && items.length === run.writtenItems) {
    return { answers: requests.map(() => ALL_ACCEPTED), fallback: UNANSWERED, backoff: run.backoff }
  }
  let from = 0
  const answers = requests.map((events) => {
    const answer = answerOf(items.slice(from, from + events.length))
    from += events.length
    return answer
  })
  return { answers, fallback: UNANSWERED, backoff: run.backoff }
}

/** Writes items that are all different, halving where one of them is bad. */
class BatchRun<Event> {
  readonly #writer: BatchWriter<Event>
  readonly #context: WriteBatchOptions<Event>
  backoff = false
  allAccepted = true
  writtenItems = 0

  constructor(writer: BatchWriter<Event>, context: WriteBatchOptions<Event>) {
    this.#writer = writer
    this.#context = context
  }

  async write(items: readonly Item<Event>[]): Promise<void> {
    if (this.#context.deadline.expired) {
      this.#settle(items, { state: 'refused', because: 'the batch ran out of time' })
      return
    }
    const written = await this.#writer.write(
      items.map((item) => item.event),
      this.#context.deadline,
    )
    switch (written.state) {
      case 'stored':
        this.#settleWritten(items, written)
        return
      case 'refused':
        this.backoff ||= written.backoff
        this.#settle(items, written)
        return
      case 'unknown':
        this.#settle(items, written)
        return
      case 'bad-data':
        if (items.length <= 1) {
          this.#settle(items, { state: 'rejected', because: written.because })
          return
        }
        await this.write(items.slice(0, items.length >> 1))
        await this.write(items.slice(items.length >> 1))
    }
  }

  #settleWritten(
    items: readonly Item<Event>[],
    { duplicates, underWay = [] }: Extract<Written, { state: 'stored' }>,
  ): void {
    this.writtenItems += items.length
    for (const item of items) item.outcome = ACCEPTED
    const at = (positions: readonly number[]): readonly Item<Event>[] =>
      positions.flatMap((position) => items[position] ?? [])
    this.#settle(at(duplicates), DUPLICATE)
    this.#settle(at(underWay), UNDER_WAY)
  }

  #settle(items: readonly Item[], outcome: ItemState): void {
    if (items.length === 0) return
    this.allAccepted = false
    for (const item of items) item.outcome = outcome
  }
}

function splitRepeats<Event>(items: readonly Item<Event>[]): {
  readonly firsts: Map<string, Item<Event>>
  readonly repeats: readonly Item<Event>[]
} {
  const firsts = new Map<string, Item<Event>>()
  const repeats: Item<Event>[] = []
  for (const item of items) {
    if (firsts.has(item.identity)) repeats.push(item)
    else firsts.set(item.identity, item)
  }
  return { firsts, repeats }
}

/** A repeat shares the fate of its first, unless that one was refused for what it held: then the repeat has its turn. */
function settleRepeats<Event>(
  repeats: readonly Item<Event>[],
  firsts: ReadonlyMap<string, Item<Event>>,
): readonly Item<Event>[] {
  const again: Item<Event>[] = []
  for (const item of repeats) {
    const first = firsts.get(item.identity)?.outcome ?? PENDING
    switch (first.state) {
      case 'accepted':
      case 'duplicate':
        item.outcome = DUPLICATE
        break
      case 'rejected':
        again.push(item)
        break
      case 'refused':
      case 'unknown':
        item.outcome = first
    }
  }
  return again
}

function byIdentity<Event>(items: Item<Event>[]): readonly Item<Event>[] {
  return items.sort((a, b) => (a.identity < b.identity ? -1 : 1))
}

/** A request has one status line: it is refused only if none of it can be stored, unknown if any of it is. */
function answerOf(items: readonly Item[]): Answer {
  const duplicates: number[] = []
  const rejected: Refusal[] = []
  let refused: string | null = null
  let accepted = 0
  for (const [index, { outcome }] of items.entries()) {
    switch (outcome.state) {
      case 'accepted':
        accepted++
        break
      case 'duplicate':
        duplicates.push(index)
        break
      case 'rejected':
        rejected.push({ index, reason: outcome.because })
        break
      case 'refused':
        refused = outcome.because
        break
      case 'unknown':
        return { state: 'unknown', because: outcome.because }
    }
  }
  if (refused === null) return { state: 'stored', duplicates, rejected }
  return accepted + duplicates.length === 0
    ? { state: 'refused', because: refused }
    : { state: 'unknown', because: `part of the request is stored, part is not: ${refused}` }
}
