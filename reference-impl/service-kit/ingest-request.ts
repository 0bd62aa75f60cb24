/**
 * What becomes of one POST /v1/events: parse, judge each item, admit within the bounds, submit, and say what the store
 * said. In: the body's bytes. Out: one answer, as it goes over the wire. It knows no HTTP server.
 */
import type { Admission } from './admission.ts'
import type { Door } from './door.ts'
import type { Meters } from './meters.ts'
import type { Problem } from './problem.ts'
import type { Ingest } from './service.ts'
import { ALL_ACCEPTED, type Answer, type Refusal } from './written.ts'

export interface IngestAnswer {
  readonly status: 200 | 400 | 413 | 429 | 503 | 504
  /** JSON text. */
  readonly body: string
  /** Seconds after which asking again makes sense; null where it does not. */
  readonly retryAfterS: number | null
  /** For X-Consistency-Token. */
  readonly token?: string
}

export interface IngestRequestsOptions<Event> {
  readonly ingest: Pick<Ingest<Event>, 'submit' | 'door'>
  readonly meters: Meters
  readonly admission: Admission
  readonly limits: { readonly eventsPerRequestMax: number }
}

interface Sorted<Event = unknown> {
  readonly events: readonly Event[]
  readonly rejected: readonly Refusal[]
  /** Position in the request of each event; null where nothing was rejected and they are the same. */
  readonly positions: readonly number[] | null
}

const RETRY_AFTER_S = 1
const NOT_JSON = problem(400, { error: 'BAD_REQUEST', message: 'the body is not valid JSON' })
const MALFORMED = problem(400, {
  error: 'MALFORMED_BODY',
  message: 'the body must be one event object or an array with at least one',
})
const QUEUE_FULL = problem(429, {
  error: 'QUEUE_FULL',
  message: 'nothing of this request is stored',
})
const ONE_ACCEPTED = stored(1, [], [])

/** What becomes of requests, whatever the shape of their events. */
export type RequestHandler = Pick<IngestRequests<unknown>, 'full' | 'shedUnread' | 'handle'>

export class IngestRequests<Event> {
  readonly #options: IngestRequestsOptions<Event>

  constructor(options: IngestRequestsOptions<Event>) {
    this.#options = options
  }

  /** Whether a request can be turned away before its body is read. */
  get full(): boolean {
    return this.#options.admission.full
  }

  /** For a request that was turned away unread. */
  shedUnread(): IngestAnswer {
    this.#options.meters.shed(0)
    return QUEUE_FULL
  }

  /** @param reply called once, now or later */
  handle(body: Buffer | null, reply: (answer: IngestAnswer) => void): void {
    const { ingest, meters, admission, limits } = this.#options
    if (body === null) {
      reply(MALFORMED)
      return
    }
    const parsed = parse(body)
    if (parsed === null) {
      reply(NOT_JSON)
      return
    }
    const { value } = parsed
    const items: readonly unknown[] = Array.isArray(value) ? value : [value]
    const malformed = bodyProblem(value, items.length, limits.eventsPerRequestMax)
    if (malformed !== null) {
      reply(malformed)
      return
    }
    const sorted = sortOut(items, ingest.door)
    if (sorted.events.length === 0) {
      meters.rejected(sorted.rejected.length)
      reply(stored(items.length, [], sorted.rejected))
      return
    }
    if (!admission.admit(items.length, body.length)) {
      meters.shed(items.length)
      reply(QUEUE_FULL)
      return
    }
    ingest.submit(sorted.events, (answer) => {
      admission.release(items.length, body.length)
      meters.answered(answer, sorted.events.length)
      if (answer.state === 'stored') meters.rejected(sorted.rejected.length)
      reply(answerOf(answer, items.length, sorted))
    })
  }
}

/** JSON.parse keeps a "__proto__" key as plain data, and nothing here merges objects. Null where it is not JSON. */
function parse(body: Buffer): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(body.toString('utf8')) }
  } catch {
    return null
  }
}

function bodyProblem(value: unknown, items: number, itemsMax: number): IngestAnswer | null {
  if (typeof value !== 'object' || value === null || items === 0) return MALFORMED
  if (items <= itemsMax) return null
  return problem(413, {
    error: 'TOO_MANY_EVENTS',
    message: `a request may hold ${String(itemsMax)} events; split it`,
  })
}

function sortOut<Event>(items: readonly unknown[], door: Door<Event>): Sorted<Event> {
  const events: Event[] = []
  const rejected: Refusal[] = []
  let positions: number[] | null = null
  for (let index = 0; index < items.length; index++) {
    const read = door.read(items[index])
    if (read.ok) {
      events.push(read.event)
      positions?.push(index)
    } else {
      positions ??= events.map((_event, position) => position)
      rejected.push({ index, reason: read.reason })
    }
  }
  return { events, rejected, positions }
}

function answerOf(answer: Answer, items: number, sorted: Sorted): IngestAnswer {
  switch (answer.state) {
    case 'stored': {
      if (items === 1 && answer === ALL_ACCEPTED) return ONE_ACCEPTED
      const at = (position: number): number => sorted.positions?.[position] ?? position
      const rejected = answer.rejected.map(({ index, reason }) => ({ index: at(index), reason }))
      const said = stored(items, answer.duplicates.map(at), [...sorted.rejected, ...rejected])
      return answer.token === undefined ? said : { ...said, token: answer.token }
    }
    case 'refused':
      return problem(503, { error: 'NOT_STORED', message: answer.because })
    case 'unknown':
      return problem(504, { error: 'OUTCOME_UNKNOWN', message: answer.because })
  }
}

/** Only items that were not accepted are listed: the usual answer is three numbers. */
function stored(
  items: number,
  duplicates: readonly number[],
  rejected: readonly Refusal[],
): IngestAnswer {
  const counts = {
    accepted: items - duplicates.length - rejected.length,
    duplicate: duplicates.length,
    rejected: rejected.length,
  }
  const listed = [
    ...duplicates.map((index) => ({ index, status: 'duplicate' })),
    ...rejected.map(({ index, reason }) => ({ index, status: 'rejected', reason })),
  ].sort((a, b) => a.index - b.index)
  const body = listed.length === 0 ? counts : { ...counts, items: listed }
  return { status: 200, body: JSON.stringify(body), retryAfterS: null }
}

/** 429 and 503 say that nothing is stored and that later may be better. */
function problem(status: Exclude<IngestAnswer['status'], 200>, said: Problem): IngestAnswer {
  const isWorthAnother = status === 429 || status === 503
  return {
    status,
    body: JSON.stringify(said),
    retryAfterS: isWorthAnother ? RETRY_AFTER_S : null,
  }
}
