/**
 * What an answer means for the events of its request. In: status and body. Out: one outcome for all of them, or which
 * item positions were duplicates or rejected. A service of the user's own that answers no body we know is believed.
 */
import { OUTCOME_CODES } from './job.ts'

export type WholeOutcome = 'accepted' | 'duplicate' | 'rejected' | 'shed' | 'unknown' | 'dropped'

export type Ack =
  | { readonly kind: 'whole'; readonly outcome: WholeOutcome }
  /** Everything not listed was accepted. */
  | {
      readonly kind: 'mixed'
      readonly duplicates: readonly number[]
      readonly rejected: readonly number[]
    }

const WHOLE = {
  accepted: { kind: 'whole', outcome: 'accepted' },
  duplicate: { kind: 'whole', outcome: 'duplicate' },
  rejected: { kind: 'whole', outcome: 'rejected' },
  shed: { kind: 'whole', outcome: 'shed' },
  unknown: { kind: 'whole', outcome: 'unknown' },
} as const satisfies Record<string, Ack>

export interface Answered {
  readonly status: number
  readonly buffer: Buffer
  readonly from: number
  readonly to: number
}

/** What an answer says about the events of its request. */
export interface AnswerReader {
  read(answer: Answered, events: number): Ack
  /** Whether it was said what answers of this status mean. */
  names(status: number): boolean
}

export class AckReader implements AnswerReader {
  /** The last body that said `all accepted`, and for how many events: the usual answer is compared, not parsed. */
  #acceptedBody = Buffer.alloc(0)
  #acceptedEvents = 0

  read(answer: Answered, events: number): Ack {
    const { status } = answer
    if (status >= 200 && status < 300) return this.#readBody(answer, events)
    if (status === 429 || status === 503) return WHOLE.shed
    // 3xx and 4xx: not stored, and asking again as it is would not help. Any other 5xx may have stored it.
    return status < 500 ? WHOLE.rejected : WHOLE.unknown
  }

  /** The contract says something of every status. */
  names(): boolean {
    return true
  }

  #readBody({ buffer, from, to }: Answered, events: number): Ack {
    const known = this.#acceptedBody
    if (
      events === this.#acceptedEvents &&
      to - from === known.length &&
      buffer.compare(known, 0, known.length, from, to) === 0
    ) {
      return WHOLE.accepted
    }
    const ack = ackOfBody(buffer.toString('utf8', from, to), events)
    if (ack.kind === 'whole' && ack.outcome === 'accepted') {
      this.#acceptedBody = Buffer.from(buffer.subarray(from, to))
      this.#acceptedEvents = events
    }
    return ack
  }
}

export function ackOfBody(text: string, events: number): Ack {
  const body = parsed(text)
  const accepted = countOf(body['accepted'])
  const duplicate = countOf(body['duplicate'])
  const rejected = countOf(body['rejected'])
  if (accepted === null && duplicate === null && rejected === null) return WHOLE.accepted
  if ((duplicate ?? 0) + (rejected ?? 0) === 0) {
    // Fewer acknowledged than sent, and no word about the rest.
    return (accepted ?? events) >= events ? WHOLE.accepted : WHOLE.unknown
  }
  return ackOfItems(body['items'], { events, duplicate: duplicate ?? 0, rejected: rejected ?? 0 })
}

function ackOfItems(
  items: unknown,
  said: { readonly events: number; readonly duplicate: number; readonly rejected: number },
): Ack {
  if (said.duplicate >= said.events) return WHOLE.duplicate
  if (said.rejected >= said.events) return WHOLE.rejected
  const listed = itemsOf(items, said.events)
  const isComplete =
    listed.duplicates.length === said.duplicate && listed.rejected.length === said.rejected
  // Rejected items that are not named could be any of them; unnamed duplicates are stored like the accepted ones.
  return isComplete || said.rejected === 0 ? { kind: 'mixed', ...listed } : WHOLE.unknown
}

/** The outcome file knows mixed answers as accepted ones with an exceptions line. */
export function outcomeCodeOf(ack: Ack): number {
  return ack.kind === 'mixed' ? OUTCOME_CODES.accepted : OUTCOME_CODES[ack.outcome]
}

/** No body that we know is an empty one. */
function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null
}

function itemsOf(
  items: unknown,
  events: number,
): { readonly duplicates: readonly number[]; readonly rejected: readonly number[] } {
  const duplicates = new Set<number>()
  const rejected = new Set<number>()
  for (const item of Array.isArray(items) ? (items as readonly unknown[]) : []) {
    if (typeof item !== 'object' || item === null) continue
    const { index, status } = item as { readonly index?: unknown; readonly status?: unknown }
    const position = countOf(index)
    if (position === null || position >= events) continue
    if (status === 'duplicate') duplicates.add(position)
    else if (status === 'rejected') rejected.add(position)
  }
  return { duplicates: [...duplicates], rejected: [...rejected] }
}
