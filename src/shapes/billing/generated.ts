/**
 * The billing events of a seed. In: population and times. Out: the bytes of event i, in O(1), from templates whose
 * fields are patched in place; the same bytes whoever makes them, in whatever order.
 */
import type { EventStream, GeneratedStreamSpec, TimeOfIndex } from '../stream.ts'
import { EventDraw } from './event-draw.ts'
import { layOut, type EventLayout, type Template } from './event-layout.ts'
import { textPieces } from './fields.ts'
import {
  randomUuids,
  sequentialIds,
  timeOrderedUuids,
  type IdField,
  type Identifiers,
} from './identifiers.ts'
import { Organizations } from './organizations.ts'
import { ValueText } from './value-text.ts'

const CLOSED = new ValueText('}')
const BEFORE_TAB = new ValueText('\t')
const BEFORE_NEWLINE = new ValueText('\n')

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
  readonly #codes: readonly Float64Array[]
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
    const { head, filler } = this.#layout.json
    const slot = this.#writeHead(this.#layout.json, index)
    const { bytes, slotBytes, roomAt, view } = filler.slots
    const end = CLOSED.write(this.#draw.value64, view, roomAt[slot] ?? 0)
    // The room's unused bytes are copied too and stand behind the event, for the next one to write over.
    target.set(head, offset)
    target.set(bytes[slot] ?? head, offset + head.length)
    return offset + head.length + end - slot * slotBytes
  }

  writeCopyRow(index: number, target: Buffer, offset: number): number {
    const { head, filler } = this.#layout.copyRow
    const slot = this.#writeHead(this.#layout.copyRow, index)
    const { bytes, slotBytes, roomAt, view } = filler.slots
    const { value64 } = this.#draw
    const valueEnd = BEFORE_TAB.write(value64, view, roomAt[slot] ?? 0)
    const end = BEFORE_NEWLINE.write(value64, view, valueEnd)
    target.set(head, offset)
    target.set(bytes[slot] ?? head, offset + head.length)
    return offset + head.length + end - slot * slotBytes
  }

  canonicalOf(index: number): number {
    return this.#draw.canonicalOf(index)
  }

  sourceOf(index: number): string {
    this.#draw.seatCanonical(index)
    return this.#organizations.textOf(this.#drawn().organizationRank)
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
    return this.#organizations.textOf(this.#drawn().organizationRank) === source ? index : null
  }

  valueAt(index: number): number {
    return this.value64Of(index) / 64
  }

  value64Of(index: number): number {
    this.#draw.seatCanonical(index)
    return this.#drawn().value64
  }

  timeMsOf(index: number): number {
    const canonical = this.#draw.seatCanonical(index)
    return this.#createdMs(canonical) - this.#draw.delayMs(canonical)
  }

  /** Writes the event's fields into the template; returns the filler's slot. */
  #writeHead(template: Template, index: number): number {
    const draw = this.#draw
    const canonical = draw.seatCanonical(index)
    draw.draw()
    const createdMs = this.#createdMs(canonical)
    template.organization.write(this.#organizations.textPiecesOf(draw.organizationRank))
    template.transaction.write(canonical, createdMs)
    template.customer.write(draw.customerRank)
    template.code.write(this.#codes[draw.codeRank] ?? NO_TEXT)
    template.timestamp.write(createdMs - draw.delayMs(canonical))
    const { choiceTexts } = template
    template.choices.write(choiceTexts[draw.choice & (choiceTexts.length - 1)] ?? NO_TEXT)
    return canonical & template.filler.slots.mask
  }

  #drawn(): EventDraw {
    this.#draw.draw()
    return this.#draw
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

const NO_TEXT = new Float64Array(0)

function codeNames(count: number): readonly Float64Array[] {
  return Array.from({ length: count }, (_, rank) =>
    textPieces(CODES[rank] ?? `code_${String(rank).padStart(5, '0')}`),
  )
}
