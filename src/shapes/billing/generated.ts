/**
 * The billing events of a seed. In: population and times. Out: the bytes of event i, in O(1), from templates whose
 * fields are patched in place; the same bytes whoever makes them, in whatever order.
 */
import type { EventStream, GeneratedStreamSpec, TimeOfIndex } from '../stream.ts'
import { EventDraw } from './event-draw.ts'
import { layOut, type EventLayout, type Template } from './event-layout.ts'
import { latin1Bytes } from './fields.ts'
import {
  randomUuids,
  sequentialIds,
  timeOrderedUuids,
  type IdField,
  type Identifiers,
} from './identifiers.ts'
import { Organizations } from './organizations.ts'
import { writeValue } from './value-text.ts'

const NEWLINE = 10
const TAB = 9
const CLOSING_BRACE = 0x7d

/** All codes have one length. */
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

export function generateStream(spec: GeneratedStreamSpec, timeOfIndex: TimeOfIndex): EventStream {
  return new GeneratedStream(spec, timeOfIndex)
}

class GeneratedStream implements EventStream {
  readonly eventCount = Number.POSITIVE_INFINITY
  readonly maxEventBytes: number
  readonly #timeOfIndex: TimeOfIndex
  readonly #draw: EventDraw
  readonly #organizations: Organizations
  readonly #codes: readonly Uint8Array[]
  readonly #identifiers: Identifiers
  readonly #idText: Buffer
  readonly #idField: IdField
  readonly #layout: EventLayout

  constructor(spec: GeneratedStreamSpec, timeOfIndex: TimeOfIndex) {
    const { seed, events } = spec
    this.#timeOfIndex = timeOfIndex
    this.#draw = new EventDraw(spec)
    this.#organizations = new Organizations(seed)
    this.#codes = codeNames(events.codes)
    this.#identifiers = this.#identifiersOf(spec)
    this.#idText = Buffer.from(this.#identifiers.template, 'latin1')
    this.#idField = this.#identifiers.fieldIn(this.#idText, 0)
    this.#layout = layOut({
      seed,
      compressibleRatio: events.compressibleRatio,
      payloadBytes: events.payloadBytes,
      identifiers: this.#identifiers,
      customerDigits: Math.max(4, String(events.customers - 1).length),
      codeTemplate: CODES[0],
    })
    const { json, copyRow } = this.#layout
    this.maxEventBytes = Math.max(json.maxBytes, copyRow.maxBytes)
  }

  writeJson(index: number, target: Buffer, offset: number): number {
    const valueAt = this.#writeUpToValue(this.#layout.json, index, { target, offset })
    const end = writeValue(this.#draw.value64(), target, valueAt)
    target[end] = CLOSING_BRACE
    return end + 1
  }

  writeCopyRow(index: number, target: Buffer, offset: number): number {
    const valueAt = this.#writeUpToValue(this.#layout.copyRow, index, { target, offset })
    const value64 = this.#draw.value64()
    const valueEnd = writeValue(value64, target, valueAt)
    target[valueEnd] = TAB
    const decimalEnd = writeValue(value64, target, valueEnd + 1)
    target[decimalEnd] = NEWLINE
    return decimalEnd + 1
  }

  canonicalOf(index: number): number {
    return this.#draw.canonicalOf(index)
  }

  sourceOf(index: number): string {
    this.#draw.seatCanonical(index)
    return this.#organizations.textOf(this.#draw.organizationRank())
  }

  idOf(index: number): string {
    const canonical = this.#draw.seatCanonical(index)
    this.#idField.write(canonical, this.#createdMs(canonical))
    return this.#idText.toString('latin1')
  }

  indexOf(source: string | null, id: string): number | null {
    const index = this.#identifiers.indexOf(id)
    if (index === null || this.#draw.isDuplicate(index)) return null
    if (source === null) return index
    this.#draw.hash.seat(index)
    return this.#organizations.textOf(this.#draw.organizationRank()) === source ? index : null
  }

  valueAt(index: number): number {
    return this.value64Of(index) / 64
  }

  value64Of(index: number): number {
    this.#draw.seatCanonical(index)
    return this.#draw.value64()
  }

  timeMsOf(index: number): number {
    const canonical = this.#draw.seatCanonical(index)
    return this.#createdMs(canonical) - this.#draw.delayMs(canonical)
  }

  /** Patches the template and copies it; returns where the value goes. The draw stays seated on the event. */
  #writeUpToValue(template: Template, index: number, { target, offset }: Place): number {
    const draw = this.#draw
    const canonical = draw.seatCanonical(index)
    const createdMs = this.#createdMs(canonical)
    template.organization.write(this.#organizations.bytesOf(draw.organizationRank()))
    template.transaction.write(canonical, createdMs)
    template.customer.write(draw.customerRank())
    const codeWord = draw.codeWord()
    template.code.write(this.#codes[codeWord % this.#codes.length] ?? NO_BYTES)
    template.timestamp.write(createdMs - draw.delayMs(canonical))
    const { choiceTexts, head } = template
    template.choices.write(choiceTexts[(codeWord >>> 28) % choiceTexts.length] ?? NO_BYTES)
    const filler = template.filler.sliceOf(canonical)
    target.set(head, offset)
    target.set(filler, offset + head.length)
    return offset + head.length + filler.length
  }

  /** When the event and its id were made, before anything delayed it. */
  #createdMs(canonical: number): number {
    return Math.floor(this.#timeOfIndex(canonical))
  }

  #identifiersOf({ seed, events, identifierMark }: GeneratedStreamSpec): Identifiers {
    const options = { seed, mark: identifierMark ?? '', hash: this.#draw.hash }
    switch (events.identifiers) {
      case 'uuidv4':
        return randomUuids(options)
      case 'uuidv7':
        return timeOrderedUuids(options, (index) => this.#createdMs(index))
      case 'sequential':
        return sequentialIds(options)
    }
  }
}

/** A place in a buffer that the caller owns. */
interface Place {
  readonly target: Buffer
  readonly offset: number
}

const NO_BYTES = new Uint8Array(0)

function codeNames(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, rank) =>
    latin1Bytes(CODES[rank] ?? `code_${String(rank).padStart(5, '0')}`),
  )
}
