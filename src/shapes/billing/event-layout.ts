/**
 * Where each field stands in an event's bytes. Out: templates of the JSON object and of the COPY row, whose fields all
 * have fixed places; only the filler and the value behind it vary in length.
 */
import {
  DigitsField,
  latin1Bytes,
  TextField,
  TIMESTAMP_TEMPLATE,
  TimestampField,
  UUID_TEMPLATE,
} from './fields.ts'
import type { IdField, Identifiers } from './identifiers.ts'
import { VALUE_MAX_BYTES, VALUE_MEAN_BYTES } from './value-text.ts'

/** Properties with four possible values of one length each. */
const CHOICES = [
  { name: 'region', texts: ['eu-west-1', 'us-east-1', 'us-west-2', 'sa-east-1'] },
  { name: 'tier', texts: ['gold', 'free', 'team', 'plus'] },
] as const
const FILLER_NAME = 'note'
/** The filler keeps at least this much room before a choice gets any: it carries size and compressibility. */
const FILLER_MIN_BYTES = 16
const CUSTOMER_PREFIX = 'cust-'

export interface ChoiceField {
  readonly field: TextField
  /** By two random bits. */
  readonly texts: readonly Uint8Array[]
}

/** An event's bytes: `head` with its fields, the filler, `middle`, the value, and an end. */
export interface Template {
  readonly head: Uint8Array
  readonly organization: TextField
  readonly transaction: IdField
  readonly customer: DigitsField
  readonly code: TextField
  readonly timestamp: TimestampField
  readonly choices: readonly ChoiceField[]
  /** Set for each event; belongs to the pool. */
  filler: Uint8Array
  readonly middle: Uint8Array
  /** Without the filler. */
  readonly maxBytes: number
}

export interface EventLayout {
  readonly json: Template
  readonly copyRow: Template
  readonly fillerMeanBytes: number
}

export interface LayoutInput {
  /** Mean length of the JSON text. */
  readonly payloadBytes: number
  readonly identifiers: Identifiers
  readonly customerDigits: number
  readonly codeTemplate: string
}

interface Properties {
  /** From the opening brace to where the filler starts. */
  readonly open: string
  readonly close: string
  readonly choices: readonly { readonly at: number; readonly texts: readonly string[] }[]
}

/** Properties are left out where payloadBytes has no room for them. */
export function layOut(input: LayoutInput): EventLayout {
  const bare = jsonTemplate(input, { open: '{', close: '}', choices: [] })
  const bareBytes = bare.head.length + bare.middle.length + VALUE_MEAN_BYTES + 1
  const room = Math.max(0, Math.round(input.payloadBytes - bareBytes))
  const properties = chooseProperties(room)
  const hasFiller = properties.close !== '}'
  const used = properties.open.length + properties.close.length - 2
  return {
    json: jsonTemplate(input, properties),
    copyRow: copyTemplate(input, properties),
    fillerMeanBytes: hasFiller ? room - used : 0,
  }
}

/** @param room bytes for what stands between the braces */
function chooseProperties(room: number): Properties {
  const fillerOpen = `"${FILLER_NAME}":"`
  if (room < fillerOpen.length + 1) return { open: '{', close: '}', choices: [] }
  let open = '{'
  const choices: { at: number; texts: readonly string[] }[] = []
  for (const { name, texts } of CHOICES) {
    const piece = `"${name}":"${texts[0]}",`
    if (open.length + piece.length + fillerOpen.length + FILLER_MIN_BYTES > room) break
    choices.push({ at: open.length + name.length + 4, texts })
    open += piece
  }
  return { open: open + fillerOpen, close: '"}', choices }
}

interface Places {
  readonly text: string
  readonly organization: number
  readonly transaction: number
  readonly customer: number
  readonly code: number
  readonly timestamp: number
}

function jsonTemplate(input: LayoutInput, properties: Properties): Template {
  const places = lineUp(input, (name, text) => [`"${name}":"`, text, '",'])
  const open = '{' + places.text + '"properties":'
  const middle = latin1Bytes(`${properties.close},"value":`)
  return template({ input, properties, places, placesAt: 1, open, middle, endBytes: 1 })
}

/** None of the texts holds a tab, newline or backslash, so COPY's escapes are never needed. */
function copyTemplate(input: LayoutInput, properties: Properties): Template {
  const places = lineUp(input, (_name, text) => ['', text, '\t'])
  const middle = latin1Bytes(`${properties.close}\t`)
  const endBytes = VALUE_MAX_BYTES + 2
  return template({
    input,
    properties,
    places,
    placesAt: 0,
    open: places.text,
    middle,
    endBytes,
  })
}

/** The five fields before the properties, one after the other. */
function lineUp(
  input: LayoutInput,
  dress: (name: string, text: string) => readonly [string, string, string],
): Places {
  let line = ''
  const place = (name: string, text: string): number => {
    const [before, value, after] = dress(name, text)
    const at = line.length + before.length
    line += before + value + after
    return at
  }
  const customer = CUSTOMER_PREFIX + '0'.repeat(input.customerDigits)
  const at = {
    organization: place('organization_id', UUID_TEMPLATE),
    transaction: place('transaction_id', input.identifiers.template),
    customer: place('external_customer_id', customer),
    code: place('code', input.codeTemplate),
    timestamp: place('timestamp', TIMESTAMP_TEMPLATE),
  }
  return { text: line, ...at }
}

function template(parts: {
  readonly input: LayoutInput
  readonly properties: Properties
  readonly places: Places
  readonly placesAt: number
  readonly open: string
  readonly middle: Uint8Array
  readonly endBytes: number
}): Template {
  const { input, properties, places, placesAt, open, middle } = parts
  const head = latin1Bytes(open + properties.open)
  const customerAt = placesAt + places.customer + CUSTOMER_PREFIX.length
  return {
    head,
    organization: new TextField(head, placesAt + places.organization),
    transaction: input.identifiers.fieldIn(head, placesAt + places.transaction),
    customer: new DigitsField(head, customerAt, input.customerDigits),
    code: new TextField(head, placesAt + places.code),
    timestamp: new TimestampField(head, placesAt + places.timestamp),
    choices: properties.choices.map((choice) => ({
      field: new TextField(head, open.length + choice.at),
      texts: choice.texts.map(latin1Bytes),
    })),
    filler: new Uint8Array(0),
    middle,
    maxBytes: head.length + middle.length + VALUE_MAX_BYTES + parts.endBytes,
  }
}
