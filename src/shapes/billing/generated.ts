/**
 * The billing events of a seed. In: population and times. Out: the bytes of event i, in O(1), from templates whose
 * fields are patched in place; the same bytes whoever makes them, in whatever order.
 */
import type { EventDraw } from '../seeded/event-draw.ts'
import { textPieces } from '../seeded/fields.ts'
import type { Organizations } from '../seeded/organizations.ts'
import {
  SeededStream,
  type EventForm,
  type EventForms,
  type FormInput,
} from '../seeded/seeded-stream.ts'
import { ValueText } from '../seeded/value-text.ts'
import type { EventStream, GeneratedStreamSpec, TimeOfIndex } from '../stream.ts'
import { layOut, type Template } from './event-layout.ts'

const CLOSED = [new ValueText('}')]
/** The double and the decimal column. */
const BOTH_COLUMNS = [new ValueText('\t'), new ValueText('\n')]

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
  return new SeededStream(spec, timeOfIndex, formsOf)
}

function formsOf({ spec, identifiers, organizations }: FormInput): EventForms {
  const { seed, events } = spec
  const codes = codeNames(events.codes)
  const layout = layOut({
    seed,
    compressibleRatio: events.compressibleRatio,
    payloadBytes: events.payloadBytes,
    identifiers,
    customerDigits: Math.max(4, String(events.customers - 1).length),
    codeTemplate: CODES[0],
  })
  return {
    json: new BillingForm(layout.json, CLOSED, { organizations, codes }),
    copyRow: new BillingForm(layout.copyRow, BOTH_COLUMNS, { organizations, codes }),
  }
}

interface Names {
  readonly organizations: Organizations
  readonly codes: readonly Float64Array[]
}

class BillingForm implements EventForm {
  readonly maxBytes: number
  readonly #template: Template
  readonly #ends: readonly ValueText[]
  readonly #names: Names

  /** @param ends how the value is written, once for each time it stands there */
  constructor(template: Template, ends: readonly ValueText[], names: Names) {
    this.#template = template
    this.#ends = ends
    this.#names = names
    this.maxBytes = template.maxBytes
  }

  write(drawn: EventDraw, target: Buffer, offset: number): number {
    const { head, filler } = this.#template
    const slot = drawn.canonical & filler.slots.mask
    this.#writeHead(drawn)
    const { bytes, slotBytes, roomAt, view } = filler.slots
    let end = roomAt[slot] ?? 0
    for (const value of this.#ends) end = value.write(drawn.value64, view, end)
    // The room's unused bytes are copied too and stand behind the event, for the next one to write over.
    target.set(head, offset)
    target.set(bytes[slot] ?? head, offset + head.length)
    return offset + head.length + end - slot * slotBytes
  }

  #writeHead(drawn: EventDraw): void {
    const template = this.#template
    const { organizations, codes } = this.#names
    template.organization.write(organizations.textPiecesOf(drawn.organizationRank))
    template.transaction.write(drawn.canonical, drawn.createdMs)
    template.customer.write(drawn.customerRank)
    template.code.write(codes[drawn.codeRank] ?? NO_TEXT)
    template.timestamp.write(drawn.timeMs)
    const { choiceTexts } = template
    template.choices.write(choiceTexts[drawn.choice & (choiceTexts.length - 1)] ?? NO_TEXT)
  }
}

const NO_TEXT = new Float64Array(0)

function codeNames(count: number): readonly Float64Array[] {
  return Array.from({ length: count }, (_, rank) =>
    textPieces(CODES[rank] ?? `code_${String(rank).padStart(5, '0')}`),
  )
}
