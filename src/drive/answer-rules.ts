/**
 * What an answer means where the user has said so himself. In: status and body. Out: one outcome for the events of the
 * request, or the positions of those that had another. A 2xx that is not what counts as accepted acknowledges nothing.
 */
import type { Ack, Answered, AnswerReader } from './ack.ts'
import type { Scalar } from '../kit/answer-condition.ts'
import { fits, memberOf } from '../kit/answer-condition.ts'
import type { AnswerSpeech } from './job.ts'

/** In this order: what says no comes before what says yes. */
const KINDS = ['shed', 'rejected', 'duplicate', 'accepted'] as const

export class AnswerRulesReader implements AnswerReader {
  readonly #rules: AnswerSpeech
  readonly #readsBody: boolean
  /** The last status and body, and what they meant: usual answers are compared, not parsed. */
  #last: {
    readonly status: number
    readonly body: Buffer
    readonly events: number
    readonly ack: Ack
  } | null = null

  constructor(rules: AnswerSpeech) {
    this.#rules = rules
    this.#readsBody = rules.items !== null || KINDS.some((kind) => rules[kind].body.length > 0)
  }

  read({ status, buffer, from, to }: Answered, events: number): Ack {
    const last = this.#last
    if (
      last !== null &&
      status === last.status &&
      events === last.events &&
      (!this.#readsBody ||
        (to - from === last.body.length &&
          buffer.compare(last.body, 0, last.body.length, from, to) === 0))
    ) {
      return last.ack
    }
    const text = this.#readsBody ? buffer.toString('utf8', from, to) : ''
    const ack = this.#judge(status, text, events)
    const body = this.#readsBody ? Buffer.from(buffer.subarray(from, to)) : EMPTY
    this.#last = { status, body, events, ack }
    return ack
  }

  /** Whatever the body must be: a rule without statuses is about all of them. */
  names(status: number): boolean {
    return KINDS.some((kind) => fits({ ...this.#rules[kind], body: [] }, status, null))
  }

  #judge(status: number, text: string, events: number): Ack {
    const body = this.#readsBody ? parsed(text) : null
    const kind = KINDS.find((each) => fits(this.#rules[each], status, body))
    if (kind === 'accepted' && this.#rules.items !== null) {
      return itemsAck(this.#rules.items, body, events)
    }
    if (kind !== undefined) return { kind: 'whole', outcome: kind }
    // A 2xx that does not say what was agreed, and a 5xx, may have stored it; nothing else has.
    const mayBeStored = (status >= 200 && status < 300) || status >= 500
    return { kind: 'whole', outcome: mayBeStored ? 'unknown' : 'rejected' }
  }
}

const EMPTY = Buffer.alloc(0)

function itemsAck(rules: NonNullable<AnswerSpeech['items']>, body: unknown, events: number): Ack {
  const items = memberOf(body, rules.at)
  // Fewer words than events: nobody knows which of them are meant.
  if (!Array.isArray(items) || items.length !== events) return UNKNOWN
  const said = (items as readonly unknown[]).map((item) => memberOf(item, rules.field) as Scalar)
  const positions = (values: readonly Scalar[]): number[] =>
    said.flatMap((value, at) => (values.includes(value) ? [at] : []))
  const duplicates = positions(rules.duplicate)
  const rejected = positions(rules.rejected)
  const accepted = positions(rules.accepted)
  // An item of which nobody has said what it means may be stored, or not.
  if (duplicates.length + rejected.length + accepted.length < events) return UNKNOWN
  if (rejected.length === events) return { kind: 'whole', outcome: 'rejected' }
  if (duplicates.length === events) return { kind: 'whole', outcome: 'duplicate' }
  if (accepted.length === events) return { kind: 'whole', outcome: 'accepted' }
  return { kind: 'mixed', duplicates, rejected }
}

const UNKNOWN: Ack = { kind: 'whole', outcome: 'unknown' }

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
