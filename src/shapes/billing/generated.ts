/**
 * The billing events of a seed. In: population and times. Out: the bytes of event i, in O(1), from templates whose
 * fields are patched in place; the same bytes whoever makes them, in whatever order.
 */
import type { EventPopulation } from '../../scenario/scenario.ts'
import {
  PRELOAD_BASE_INDEX,
  type EventStream,
  type GeneratedStreamSpec,
  type TimeOfIndex,
} from '../stream.ts'
import { CounterHash, thresholdOf } from './counter-hash.ts'
import { layOut, type EventLayout, type Template } from './event-layout.ts'
import { makeFiller, type Filler } from './filler.ts'
import {
  patchDigits,
  randomUuids,
  sequentialIds,
  timeOrderedUuids,
  type Identifiers,
} from './identifiers.ts'
import { TimestampText } from './timestamp-text.ts'
import { uuidText } from './uuid-text.ts'
import { VALUE64_LIMIT, writeValue } from './value-text.ts'
import { zipfTable, type RankTable } from './zipf.ts'

/** A deliberate duplicate repeats an event at most this many indexes back. */
export const DUPLICATE_WINDOW = 2_048
/** Every index that divides by this is an original: the search for one ends there at the latest. */
const ANCHOR_EVERY = DUPLICATE_WINDOW / 2
const PROBES_MAX = 8

/** Which word of an event's hash decides what. Part of the stream's identity: never renumber. */
const WORD = {
  organization: 0,
  organizationCoin: 1,
  customer: 2,
  customerCoin: 3,
  code: 4,
  value: 5,
  filler: 6,
  choices: 7,
  duplicate: 8,
  duplicateDistance: 9,
  late: 10,
  outOfOrder: 11,
  outOfOrderBy: 12,
} as const

const EVENT_PURPOSE = 1
const ORGANIZATION_PURPOSE = 2
const TWO_TO_32 = 0x100000000
const NEWLINE = 10
const TAB = 9
const BRACE = 0x7d

const CODES = [
  'tokens_out',
  'storage_gb',
  'gpu_second',
  'page_views',
  'seat_hours',
  'egress_gib',
  'emails_out',
  'image_runs',
  'query_scan',
  'log_events',
] as const
const CUSTOMER_PREFIX = 'cust-'

export function generateStream(spec: GeneratedStreamSpec, timeOfIndex: TimeOfIndex): EventStream {
  return new GeneratedStream(spec, timeOfIndex)
}

class GeneratedStream implements EventStream {
  readonly eventCount = Number.POSITIVE_INFINITY
  readonly maxEventBytes: number
  readonly #events: EventPopulation
  readonly #timeOfIndex: TimeOfIndex
  readonly #hash: CounterHash
  readonly #organizationRanks: RankTable
  readonly #customerRanks: RankTable
  readonly #customerDigits: number
  readonly #organizations: Organizations
  readonly #codes: readonly Uint8Array[]
  readonly #identifiers: Identifiers
  readonly #layout: EventLayout
  readonly #filler: Filler
  readonly #timestampText = new TimestampText()
  readonly #duplicateThreshold: number
  readonly #lateThreshold: number
  readonly #outOfOrderThreshold: number

  constructor({ seed, events }: GeneratedStreamSpec, timeOfIndex: TimeOfIndex) {
    this.#events = events
    this.#timeOfIndex = timeOfIndex
    this.#hash = new CounterHash(seed, EVENT_PURPOSE)
    this.#organizationRanks = zipfTable(events.organizations, events.zipfExponent)
    this.#customerRanks = zipfTable(events.customers, events.zipfExponent)
    this.#customerDigits = Math.max(4, String(events.customers - 1).length)
    this.#organizations = new Organizations(seed, events.organizations)
    this.#codes = codeNames(events.codes)
    this.#identifiers = identifiersOf(events.identifiers, seed)
    this.#layout = layOut({
      payloadBytes: events.payloadBytes,
      identifierTemplate: this.#identifiers.template,
      customerTemplate: CUSTOMER_PREFIX + '0'.repeat(this.#customerDigits),
      codeTemplate: CODES[0],
    })
    const { compressibleRatio } = events
    const meanBytes = this.#layout.fillerMeanBytes
    this.#filler = makeFiller({ seed, meanBytes, compressibleRatio })
    this.maxEventBytes = Math.max(this.#layout.json.maxBytes, this.#layout.copyRow.maxBytes)
    this.#duplicateThreshold = thresholdOf(events.duplicateRatio)
    this.#lateThreshold = thresholdOf(events.lateRatio)
    this.#outOfOrderThreshold = thresholdOf(events.outOfOrderRatio)
  }

  writeJson(index: number, target: Buffer, offset: number): number {
    const canonical = this.canonicalOf(index)
    const behind = this.#writeHead(this.#layout.json, canonical, target, offset)
    const end = writeValue(this.#value64(), target, behind)
    target[end] = BRACE
    return end + 1
  }

  writeCopyRow(index: number, target: Buffer, offset: number): number {
    const canonical = this.canonicalOf(index)
    const valueAt = this.#writeHead(this.#layout.copyRow, canonical, target, offset)
    const value64 = this.#value64()
    const valueEnd = writeValue(value64, target, valueAt)
    target[valueEnd] = TAB
    const decimalEnd = writeValue(value64, target, valueEnd + 1)
    target[decimalEnd] = NEWLINE
    return decimalEnd + 1
  }

  canonicalOf(index: number): number {
    if (this.#duplicateThreshold === 0 || !this.#isDuplicate(index)) return index
    this.#hash.seat(index)
    const reach = Math.min(index, ANCHOR_EVERY)
    const distance = 1 + (this.#hash.word(WORD.duplicateDistance) % reach)
    const first = index - distance
    for (let probe = 0; probe < PROBES_MAX && probe <= first; probe++) {
      if (!this.#isDuplicate(first - probe)) return first - probe
    }
    return first - (first % ANCHOR_EVERY)
  }

  sourceOf(index: number): string {
    this.#hash.seat(this.canonicalOf(index))
    return this.#organizations.textOf(this.#organizationRank())
  }

  idOf(index: number): string {
    const canonical = this.canonicalOf(index)
    const text = Buffer.from(this.#identifiers.template, 'latin1')
    this.#identifiers.patch(canonical, this.#createdMs(canonical), text, 0)
    return text.toString('latin1')
  }

  indexOf(source: string, id: string): number | null {
    const index = this.#identifiers.indexOf(id)
    if (index === null) return null
    if (this.#duplicateThreshold > 0 && this.#isDuplicate(index)) return null
    this.#hash.seat(index)
    if (this.#organizations.textOf(this.#organizationRank()) !== source) return null
    if (this.#events.identifiers === 'uuidv7' && this.idOf(index) !== id) return null
    return index
  }

  value64Of(index: number): number {
    this.#hash.seat(this.canonicalOf(index))
    return this.#value64()
  }

  timeMsOf(index: number): number {
    const canonical = this.canonicalOf(index)
    this.#hash.seat(canonical)
    return this.#eventMs(canonical, this.#createdMs(canonical))
  }

  /** Writes everything before the value and leaves the hash seated on the event. */
  #writeHead(template: Template, canonical: number, target: Buffer, offset: number): number {
    const { head, places, middle } = template
    target.set(head, offset)
    const hash = this.#hash
    hash.seat(canonical)
    this.#organizations.patch(this.#organizationRank(), target, offset + places.organization)
    const createdMs = this.#createdMs(canonical)
    this.#identifiers.patch(canonical, createdMs, target, offset + places.transaction)
    const customer = this.#customerRanks.rankOf(
      hash.word(WORD.customer),
      hash.word(WORD.customerCoin),
    )
    const customerAt = offset + places.customer + CUSTOMER_PREFIX.length
    patchDigits(customer, this.#customerDigits, target, customerAt)
    const code = this.#codes[hash.word(WORD.code) % this.#codes.length]
    if (code !== undefined) patchBytes(code, target, offset + places.code)
    const eventMs = this.#eventMs(canonical, createdMs)
    this.#timestampText.patch(eventMs, target, offset + places.timestamp)
    let bits = hash.word(WORD.choices)
    for (const choice of places.choices) {
      const text = choice.texts[bits & 3]
      if (text !== undefined) patchBytes(text, target, offset + choice.at)
      bits >>>= 2
    }
    const slice = this.#filler.sliceOf(hash.word(WORD.filler))
    const fillerEnd = offset + head.length + slice.length
    target.set(slice, offset + head.length)
    patchBytes(middle, target, fillerEnd)
    return fillerEnd + middle.length
  }

  #isDuplicate(index: number): boolean {
    if (index % ANCHOR_EVERY === 0 || index >= PRELOAD_BASE_INDEX) return false
    this.#hash.seat(index)
    return this.#hash.happens(WORD.duplicate, this.#duplicateThreshold)
  }

  #organizationRank(): number {
    return this.#organizationRanks.rankOf(
      this.#hash.word(WORD.organization),
      this.#hash.word(WORD.organizationCoin),
    )
  }

  #value64(): number {
    return Math.floor((this.#hash.word(WORD.value) / TWO_TO_32) * VALUE64_LIMIT)
  }

  /** When the id was made: before anything delayed the event. */
  #createdMs(canonical: number): number {
    return Math.floor(this.#timeOfIndex(canonical))
  }

  /** The hash must be seated on `canonical`. */
  #eventMs(canonical: number, createdMs: number): number {
    if (canonical >= PRELOAD_BASE_INDEX) return createdMs
    const hash = this.#hash
    if (hash.happens(WORD.late, this.#lateThreshold)) {
      return createdMs - Math.floor(this.#events.lateByS * 1000)
    }
    if (!hash.happens(WORD.outOfOrder, this.#outOfOrderThreshold)) return createdMs
    const share = hash.word(WORD.outOfOrderBy) / TWO_TO_32
    return createdMs - Math.floor(share * (this.#events.outOfOrderByMs + 1))
  }
}

/** Random-looking UUIDs of the organizations, made when first asked for and kept. */
class Organizations {
  readonly #hash: CounterHash
  readonly #words = new Uint32Array(4)
  readonly #texts: (string | undefined)[]
  readonly #bytes: (Uint8Array | undefined)[]

  constructor(seed: number, count: number) {
    this.#hash = new CounterHash(seed, ORGANIZATION_PURPOSE)
    this.#texts = new Array<string | undefined>(count)
    this.#bytes = new Array<Uint8Array | undefined>(count)
  }

  textOf(rank: number): string {
    return (this.#texts[rank] ??= this.#makeText(rank))
  }

  patch(rank: number, target: Uint8Array, at: number): void {
    const bytes = (this.#bytes[rank] ??= Uint8Array.from(Buffer.from(this.textOf(rank), 'latin1')))
    target.set(bytes, at)
  }

  #makeText(rank: number): string {
    this.#hash.seat(rank)
    const words = this.#words
    words[0] = this.#hash.word(0)
    words[1] = (this.#hash.word(1) & 0xffff0fff) | 0x4000
    words[2] = (this.#hash.word(2) & 0x3fffffff) | 0x80000000
    words[3] = this.#hash.word(3)
    return uuidText(words)
  }
}

function codeNames(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, rank) =>
    Uint8Array.from(Buffer.from(CODES[rank] ?? `code_${String(rank).padStart(5, '0')}`, 'latin1')),
  )
}

function identifiersOf(kind: EventPopulation['identifiers'], seed: number): Identifiers {
  switch (kind) {
    case 'uuidv4':
      return randomUuids(seed)
    case 'uuidv7':
      return timeOrderedUuids(seed)
    case 'sequential':
      return sequentialIds(seed)
  }
}

/** For a dozen bytes a loop is faster than a call into the runtime. */
function patchBytes(bytes: Uint8Array, target: Uint8Array, at: number): void {
  for (let position = 0; position < bytes.length; position++) {
    target[at + position] = bytes[position] ?? 0
  }
}
