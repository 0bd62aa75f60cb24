/**
 * The events of a seed, of whatever shape. In: population, times, and the forms that write an event down. Out: the bytes
 * of event i in O(1), the same whoever makes them and in whatever order; and from an identity back to i.
 */
import type { EventStream, GeneratedStreamSpec, TimeOfIndex } from '../stream.ts'
import { EventDraw } from './event-draw.ts'
import {
  randomUuids,
  sequentialIds,
  timeOrderedUuids,
  type IdField,
  type Identifiers,
} from './identifiers.ts'
import { Organizations } from './organizations.ts'

/** One way to write an event: as a JSON object, or as a COPY row. */
export interface EventForm {
  readonly maxBytes: number
  /** Writes the event that was drawn; returns the offset behind it. May write over what stands up to maxBytes behind. */
  write(drawn: EventDraw, target: Buffer, offset: number): number
}

export interface EventForms {
  readonly json: EventForm
  readonly copyRow: EventForm
}

/** What forms are made of. */
export interface FormInput {
  readonly spec: GeneratedStreamSpec
  readonly identifiers: Identifiers
  readonly organizations: Organizations
}

export class SeededStream implements EventStream {
  readonly eventCount = Number.POSITIVE_INFINITY
  readonly maxEventBytes: number
  readonly #timeOfIndex: TimeOfIndex
  readonly #draw: EventDraw
  readonly #organizations: Organizations
  readonly #identifiers: Identifiers
  readonly #idText: Buffer
  readonly #idField: IdField
  readonly #forms: EventForms

  constructor(
    spec: GeneratedStreamSpec,
    timeOfIndex: TimeOfIndex,
    formsOf: (input: FormInput) => EventForms,
  ) {
    this.#timeOfIndex = timeOfIndex
    this.#draw = new EventDraw(spec)
    this.#organizations = new Organizations(spec.seed)
    this.#identifiers = this.#identifiersOf(spec)
    this.#idText = Buffer.from(this.#identifiers.template, 'latin1')
    this.#idField = this.#identifiers.fieldIn(this.#idText, 0)
    this.#forms = formsOf({
      spec,
      identifiers: this.#identifiers,
      organizations: this.#organizations,
    })
    const { json, copyRow } = this.#forms
    this.maxEventBytes = Math.max(json.maxBytes, copyRow.maxBytes)
  }

  writeJson(index: number, target: Buffer, offset: number): number {
    return this.#forms.json.write(this.#drawn(index), target, offset)
  }

  writeCopyRow(index: number, target: Buffer, offset: number): number {
    return this.#forms.copyRow.write(this.#drawn(index), target, offset)
  }

  canonicalOf(index: number): number {
    return this.#draw.canonicalOf(index)
  }

  sourceOf(index: number): string {
    const draw = this.#draw
    draw.seatCanonical(index)
    draw.draw()
    return this.#organizations.textOf(draw.organizationRank)
  }

  idOf(index: number): string {
    const canonical = this.#draw.seatCanonical(index)
    this.#idField.write(canonical, this.#createdMs(canonical))
    return this.#idText.toString('latin1')
  }

  indexOf(source: string | null, id: string): number | null {
    const draw = this.#draw
    const index = this.#identifiers.indexOf(id)
    if (index === null || draw.isDuplicate(index)) return null
    if (source === null) return index
    draw.hash.seat(index)
    draw.draw()
    return this.#organizations.textOf(draw.organizationRank) === source ? index : null
  }

  valueAt(index: number): number {
    return this.value64Of(index) / 64
  }

  value64Of(index: number): number {
    this.#draw.seatCanonical(index)
    this.#draw.draw()
    return this.#draw.value64
  }

  timeMsOf(index: number): number {
    const canonical = this.#draw.seatCanonical(index)
    return this.#createdMs(canonical) - this.#draw.delayMs(canonical)
  }

  /** Everything about the event, for a form to write down. */
  #drawn(index: number): EventDraw {
    const draw = this.#draw
    const canonical = draw.seatCanonical(index)
    draw.draw()
    draw.canonical = canonical
    draw.createdMs = this.#createdMs(canonical)
    draw.timeMs = draw.createdMs - draw.delayMs(canonical)
    return draw
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
