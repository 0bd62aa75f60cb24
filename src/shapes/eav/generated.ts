/**
 * The attribute writes of a seed. In: population, settings and times. Out: the bytes of write i, in O(1): a head whose
 * fields have fixed places, a filler, and one of a few tails that name the attribute and lead to the value.
 */
import type { EventDraw } from '../seeded/event-draw.ts'
import {
  DigitsField,
  latin1Bytes,
  TextField,
  TIMESTAMP_TEMPLATE,
  TimestampField,
  UUID_TEMPLATE,
  UUID_TEXT_BYTES,
} from '../seeded/fields.ts'
import { Filler } from '../seeded/filler.ts'
import type { IdField } from '../seeded/identifiers.ts'
import type { Organizations } from '../seeded/organizations.ts'
import {
  SeededStream,
  type EventForm,
  type EventForms,
  type FormInput,
} from '../seeded/seeded-stream.ts'
import { VALUE_MAX_BYTES, VALUE_MEAN_BYTES, ValueText } from '../seeded/value-text.ts'
import type { EventStream, GeneratedStreamSpec, TimeOfIndex } from '../stream.ts'
import { attributesOf, eavSettings, TEXTS, type Attribute } from './attributes.ts'

const CLOSED = new ValueText('}')
const BEFORE_TAB = new ValueText('\t')
const BEFORE_NEWLINE = new ValueText('\n')

export function generateStream(spec: GeneratedStreamSpec, timeOfIndex: TimeOfIndex): EventStream {
  return new SeededStream(spec, timeOfIndex, formsOf)
}

function formsOf(input: FormInput): EventForms {
  const { seed, events, shapeSettings } = input.spec
  const attributes = attributesOf(events.codes, seed, eavSettings.parse(shapeSettings ?? {}))
  const bare = headOf(input, 'json')
  const tails = tailsOf(attributes, jsonTail)
  const meanTail = tails.reduce((sum, { bytes }) => sum + bytes.length, 0) / tails.length
  const bareBytes = bare.text.length + meanTail + VALUE_MEAN_BYTES + 1
  const room = Math.round(events.payloadBytes - bareBytes - '"note":"",'.length)
  const noteBytes = Math.max(0, room)
  const json = { ...bare, text: bare.text + (noteBytes > 0 ? '"note":"' : '') }
  const copy = headOf(input, 'copy')
  return {
    json: new EavForm(input, { head: json, behind: noteBytes > 0 ? '",' : '', noteBytes, tails }),
    copyRow: new EavForm(input, {
      head: copy,
      behind: noteBytes > 0 ? '\t' : '\\N\t',
      noteBytes,
      tails: tailsOf(attributes, copyTail),
    }),
  }
}

interface Head {
  readonly text: string
  readonly tenantAt: number
  readonly writeAt: number
  readonly entityAt: number
  readonly entityDigits: number
  readonly timeAt: number
}

/** What stands before the note, and where its fields are. */
function headOf({ spec, identifiers }: FormInput, form: 'json' | 'copy'): Head {
  const digits = Math.max(4, String(spec.events.customers - 1).length)
  let text = form === 'json' ? '{' : ''
  const place = (name: string, value: string, quote: '"' | ''): number => {
    const [before, after] = form === 'json' ? [`"${name}":${quote}`, `${quote},`] : ['', '\t']
    const at = text.length + before.length
    text += before + value + after
    return at
  }
  const tenantAt = place('tenant_id', UUID_TEMPLATE, '"')
  const writeAt = place('write_id', identifiers.template, '"')
  // A leading 1 keeps the number of digits fixed, and JSON numbers have no leading zeros.
  const entityAt = place('entity_id', `1${'0'.repeat(digits)}`, '') + 1
  const timeAt = place('written_at', TIMESTAMP_TEMPLATE, '"')
  return { text, tenantAt, writeAt, entityAt, entityDigits: digits, timeAt }
}

/** How a write ends, up to its value. */
interface Tail {
  readonly bytes: Uint8Array
  /** How the number behind it is written, once for each time it stands there. */
  readonly ends: readonly ValueText[]
}

/** For each attribute one tail per text, or the same one for all where it is a number. */
function tailsOf(
  attributes: readonly Attribute[],
  tailOf: (attribute: Attribute, text: string | null) => Tail,
): readonly Tail[] {
  return attributes.flatMap((attribute) => {
    if (attribute.texts !== null) return attribute.texts.map((text) => tailOf(attribute, text))
    return Array.from({ length: TEXTS }, () => tailOf(attribute, null))
  })
}

function jsonTail({ name, critical }: Attribute, text: string | null): Tail {
  const flag = critical ? '"critical":true,' : ''
  const value = text === null ? '"value":' : `"value":"${text}","weight":`
  return { bytes: latin1Bytes(`"attribute":"${name}",${flag}${value}`), ends: [CLOSED] }
}

function copyTail({ name, critical }: Attribute, text: string | null): Tail {
  const type = text === null ? 'number' : 'text'
  const before = `${name}\t${type}\t${critical ? 't' : 'f'}\t${text === null ? '' : `${text}\t`}`
  return {
    bytes: latin1Bytes(before),
    ends: text === null ? [BEFORE_TAB, BEFORE_NEWLINE] : [BEFORE_NEWLINE],
  }
}

interface FormParts {
  readonly head: Head
  readonly behind: string
  readonly noteBytes: number
  readonly tails: readonly Tail[]
}

class EavForm implements EventForm {
  readonly maxBytes: number
  readonly #head: Uint8Array
  readonly #organizations: Organizations
  readonly #tenant: TextField
  readonly #write: IdField
  readonly #entity: DigitsField
  readonly #time: TimestampField
  readonly #filler: Filler
  readonly #tails: readonly Tail[]

  constructor({ spec, identifiers, organizations }: FormInput, parts: FormParts) {
    const { head, tails } = parts
    const bytes = latin1Bytes(head.text)
    const tailMaxBytes = Math.max(...tails.map((tail) => tail.bytes.length))
    this.#head = bytes
    this.#organizations = organizations
    this.#tenant = new TextField(bytes, head.tenantAt, UUID_TEXT_BYTES)
    this.#write = identifiers.fieldIn(bytes, head.writeAt)
    this.#entity = new DigitsField(bytes, head.entityAt, head.entityDigits)
    this.#time = new TimestampField(bytes, head.timeAt)
    this.#filler = new Filler({
      seed: spec.seed,
      compressibleRatio: spec.events.compressibleRatio,
      meanBytes: parts.noteBytes,
      behind: latin1Bytes(parts.behind),
      roomBytes: tailMaxBytes + 2 * (VALUE_MAX_BYTES + 1),
    })
    this.#tails = tails
    this.maxBytes = bytes.length + this.#filler.maxBytes
  }

  write(drawn: EventDraw, target: Buffer, offset: number): number {
    this.#tenant.write(this.#organizations.textPiecesOf(drawn.organizationRank))
    this.#write.write(drawn.canonical, drawn.createdMs)
    this.#entity.write(drawn.customerRank)
    this.#time.write(drawn.timeMs)
    const { bytes, mask, slotBytes, roomAt, view } = this.#filler.slots
    const slot = drawn.canonical & mask
    const filled = bytes[slot] ?? this.#head
    const room = roomAt[slot] ?? 0
    const tail = this.#tails[drawn.codeRank * TEXTS + (drawn.choice & (TEXTS - 1))]
    if (tail === undefined) return offset
    filled.set(tail.bytes, room - slot * slotBytes)
    let end = room + tail.bytes.length
    for (const value of tail.ends) end = value.write(drawn.value64, view, end)
    // The room's unused bytes are copied too and stand behind the event, for the next one to write over.
    target.set(this.#head, offset)
    target.set(filled, offset + this.#head.length)
    return offset + this.#head.length + end - slot * slotBytes
  }
}
