/**
 * Where each field stands in an event's bytes. Out: templates of the JSON object and of the COPY row, whose fields all
 * have fixed places; only the filler and the value behind it vary in length.
 */
import {
  DigitsField,
  latin1Bytes,
  TextField,
  textPieces,
  TIMESTAMP_TEMPLATE,
  TimestampField,
  UUID_TEMPLATE,
  UUID_TEXT_BYTES,
} from '../seeded/fields.ts'
import { Filler } from '../seeded/filler.ts'
import type { IdField, Identifiers } from '../seeded/identifiers.ts'
import { VALUE_MAX_BYTES, VALUE_MEAN_BYTES } from '../seeded/value-text.ts'

/** Properties of four possible texts of one length each. */
const CHOICES = [
  { name: 'region', texts: ['eu-west-1', 'us-east-1', 'us-west-2', 'sa-east-1'] },
  { name: 'tier', texts: ['gold', 'free', 'team', 'plus'] },
] as const
const FILLER_NAME = 'note'
/** The filler keeps at least this much room before a choice gets any: it carries size and compressibility. */
const FILLER_MIN_BYTES = 16
const CUSTOMER_PREFIX = 'cust-'

/** An event's bytes: `head` with its fields, the filler with what leads to the value, and in its room the value and an end. */
export interface Template {
  readonly head: Uint8Array
  readonly organization: TextField
  readonly transaction: IdField
  readonly customer: DigitsField
  readonly code: TextField
  readonly timestamp: TimestampField
  readonly choices: TextField
  /** All combinations of the choices, four to the power of their number. */
  readonly choiceTexts: readonly Float64Array[]
  readonly filler: Filler
  readonly maxBytes: number
}

export interface EventLayout {
  readonly json: Template
  readonly copyRow: Template
}

export interface LayoutInput {
  readonly seed: number
  readonly compressibleRatio: number
  /** Mean length of the JSON text. */
  readonly payloadBytes: number
  readonly identifiers: Identifiers
  readonly customerDigits: number
  readonly codeTemplate: string
}

interface Properties {
  /** The choices' part of the text, in each combination. */
  readonly choiceTexts: readonly string[]
  /** From behind the choices to where the filler starts. */
  readonly open: string
  readonly close: string
  readonly fillerMeanBytes: number
}

/** Properties are left out where payloadBytes has no room for them. */
export function layOut(input: LayoutInput): EventLayout {
  const bare = jsonParts(input, { choiceTexts: [''], open: '', close: '}', fillerMeanBytes: 0 })
  const bareBytes = bare.head.length + bare.behindFiller.length + VALUE_MEAN_BYTES + 1
  const properties = chooseProperties(Math.max(0, Math.round(input.payloadBytes - bareBytes)))
  return {
    json: template(input, properties, jsonParts(input, properties)),
    copyRow: template(input, properties, copyParts(input, properties)),
  }
}

/** @param room bytes for what stands between the braces */
function chooseProperties(room: number): Properties {
  const open = `"${FILLER_NAME}":"`
  if (room < open.length + 1) {
    return { choiceTexts: [''], open: '', close: '}', fillerMeanBytes: 0 }
  }
  let choiceTexts = ['']
  let used = open.length + 1
  for (const { name, texts } of CHOICES) {
    const pieces = texts.map((text) => `"${name}":"${text}",`)
    const bytes = pieces[0]?.length ?? 0
    if (used + bytes + FILLER_MIN_BYTES > room) break
    used += bytes
    choiceTexts = choiceTexts.flatMap((before) => pieces.map((piece) => before + piece))
  }
  return { choiceTexts, open, close: '"}', fillerMeanBytes: room - used }
}

interface Places {
  readonly text: string
  readonly organization: number
  readonly transaction: number
  readonly customer: number
  readonly code: number
  readonly timestamp: number
}

interface Parts {
  readonly head: string
  readonly places: Places
  /** Where the first field's place is counted from. */
  readonly placesAt: number
  readonly choicesAt: number
  readonly behindFiller: string
  /** Bytes of the value and what follows, at most. */
  readonly valueBytes: number
}

function jsonParts(input: LayoutInput, properties: Properties): Parts {
  const places = lineUp(input, (name, text) => [`"${name}":"`, text, '",'])
  const open = `{${places.text}"properties":{`
  return {
    head: open + (properties.choiceTexts[0] ?? '') + properties.open,
    places,
    placesAt: 1,
    choicesAt: open.length,
    behindFiller: `${properties.close},"value":`,
    valueBytes: VALUE_MAX_BYTES + 1,
  }
}

/** None of the texts holds a tab, newline or backslash, so COPY's escapes are never needed. */
function copyParts(input: LayoutInput, properties: Properties): Parts {
  const places = lineUp(input, (_name, text) => ['', text, '\t'])
  const open = `${places.text}{`
  return {
    head: open + (properties.choiceTexts[0] ?? '') + properties.open,
    places,
    placesAt: 0,
    choicesAt: open.length,
    behindFiller: `${properties.close}\t`,
    valueBytes: 2 * (VALUE_MAX_BYTES + 1),
  }
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

function template(input: LayoutInput, properties: Properties, parts: Parts): Template {
  const { places, placesAt } = parts
  const { seed, compressibleRatio } = input
  const head = latin1Bytes(parts.head)
  const customerAt = placesAt + places.customer + CUSTOMER_PREFIX.length
  const filler = new Filler({
    seed,
    compressibleRatio,
    meanBytes: properties.fillerMeanBytes,
    behind: latin1Bytes(parts.behindFiller),
    roomBytes: parts.valueBytes,
  })
  return {
    head,
    organization: new TextField(head, placesAt + places.organization, UUID_TEXT_BYTES),
    transaction: input.identifiers.fieldIn(head, placesAt + places.transaction),
    customer: new DigitsField(head, customerAt, input.customerDigits),
    code: new TextField(head, placesAt + places.code, input.codeTemplate.length),
    timestamp: new TimestampField(head, placesAt + places.timestamp),
    choices: new TextField(head, parts.choicesAt, properties.choiceTexts[0]?.length ?? 0),
    choiceTexts: properties.choiceTexts.map(textPieces),
    filler,
    maxBytes: head.length + filler.maxBytes,
  }
}
