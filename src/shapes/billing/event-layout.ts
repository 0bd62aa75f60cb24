/**
 * Where each field stands in an event's bytes. Out: templates of the JSON object and of the COPY row, whose fields all
 * have fixed places; only the filler and the value behind it vary in length.
 */
import { TIMESTAMP_TEMPLATE } from './timestamp-text.ts'
import { VALUE_MAX_BYTES } from './value-text.ts'

/** Mean length of the value text over all 640,000 values below VALUE_LIMIT. */
const VALUE_MEAN_BYTES = 9.889

const REGIONS = ['eu-west-1', 'us-east-1', 'us-west-2', 'sa-east-1'] as const
const TIERS = ['gold', 'free', 'team', 'plus'] as const
/** Each choice is one patch; all texts of a choice have one length. */
const CHOICES: readonly { readonly name: string; readonly texts: readonly string[] }[] = [
  { name: 'region', texts: REGIONS },
  { name: 'tier', texts: TIERS },
]
const FILLER_NAME = 'note'

export interface FieldPlaces {
  readonly organization: number
  readonly transaction: number
  readonly customer: number
  readonly code: number
  readonly timestamp: number
  /** `texts` by two random bits. */
  readonly choices: readonly { readonly at: number; readonly texts: readonly Uint8Array[] }[]
}

export interface Template {
  /** Everything before the filler. */
  readonly head: Uint8Array
  readonly places: FieldPlaces
  /** Between filler and value. */
  readonly middle: Uint8Array
  readonly maxBytes: number
}

export interface EventLayout {
  readonly json: Template
  readonly copyRow: Template
  readonly fillerMeanBytes: number
}

export interface LayoutInput {
  readonly payloadBytes: number
  readonly identifierTemplate: string
  readonly customerTemplate: string
  readonly codeTemplate: string
}

interface Properties {
  readonly text: string
  readonly close: string
  readonly choices: readonly { readonly at: number; readonly texts: readonly Uint8Array[] }[]
}

const ORGANIZATION_TEMPLATE = '00000000-0000-0000-0000-000000000000'

/** Leaves out properties, last first, where payloadBytes has no room for them. */
export function layOut(input: LayoutInput): EventLayout {
  const bare = jsonTemplate(input, { text: '{', close: '}', choices: [] })
  const bareBytes = bare.head.length + bare.middle.length + VALUE_MEAN_BYTES + 1
  const room = Math.max(0, Math.round(input.payloadBytes - bareBytes))
  const properties = chooseProperties(room)
  const fillerMeanBytes = Math.max(0, room - properties.text.length - properties.close.length + 2)
  const fillerMaxBytes = properties.close === '}' ? 0 : fillerMeanBytes * 2
  const json = jsonTemplate(input, properties)
  const copyRow = copyTemplate(input, properties)
  return {
    json: { ...json, maxBytes: json.maxBytes + fillerMaxBytes },
    copyRow: { ...copyRow, maxBytes: copyRow.maxBytes + fillerMaxBytes },
    fillerMeanBytes: fillerMaxBytes === 0 ? 0 : fillerMeanBytes,
  }
}

/** @param room bytes for what stands between the braces */
function chooseProperties(room: number): Properties {
  const fillerOpen = `"${FILLER_NAME}":"`
  let text = '{'
  const choices: { at: number; texts: readonly Uint8Array[] }[] = []
  for (const { name, texts } of CHOICES) {
    const first = texts[0] ?? ''
    const piece = `"${name}":"${first}",`
    // A share of the room stays with the filler: it carries size variation and compressibility.
    if (text.length + piece.length + fillerOpen.length + 16 > room) break
    choices.push({ at: text.length + name.length + 4, texts: texts.map(bytesOf) })
    text += piece
  }
  if (text.length + fillerOpen.length > room) return { text, close: '}', choices }
  return { text: text + fillerOpen, close: '"}', choices }
}

function jsonTemplate(input: LayoutInput, properties: Properties): Template {
  const places: Record<string, number> = {}
  let head = ''
  const field = (name: string, text: string): void => {
    head += `${head === '' ? '{' : ','}"${name}":"`
    places[name] = head.length
    head += `${text}"`
  }
  field('organization_id', ORGANIZATION_TEMPLATE)
  field('transaction_id', input.identifierTemplate)
  field('external_customer_id', input.customerTemplate)
  field('code', input.codeTemplate)
  field('timestamp', TIMESTAMP_TEMPLATE)
  head += ',"properties":'
  const propertiesAt = head.length
  const middle = bytesOf(`${properties.close},"value":`)
  return {
    head: bytesOf(head + properties.text),
    places: placesOf(places, propertiesAt, properties),
    middle,
    maxBytes: head.length + properties.text.length + middle.length + VALUE_MAX_BYTES + 1,
  }
}

/** None of the texts holds a tab, newline or backslash, so COPY's escapes are never needed. */
function copyTemplate(input: LayoutInput, properties: Properties): Template {
  const places: Record<string, number> = {}
  let head = ''
  const field = (name: string, text: string): void => {
    places[name] = head.length
    head += `${text}\t`
  }
  field('organization_id', ORGANIZATION_TEMPLATE)
  field('transaction_id', input.identifierTemplate)
  field('external_customer_id', input.customerTemplate)
  field('code', input.codeTemplate)
  field('timestamp', TIMESTAMP_TEMPLATE)
  const propertiesAt = head.length
  const middle = bytesOf(`${properties.close}\t`)
  return {
    head: bytesOf(head + properties.text),
    places: placesOf(places, propertiesAt, properties),
    middle,
    maxBytes: head.length + properties.text.length + middle.length + 2 * (VALUE_MAX_BYTES + 1),
  }
}

function placesOf(
  places: Readonly<Record<string, number>>,
  propertiesAt: number,
  properties: Properties,
): FieldPlaces {
  const at = (name: string): number => places[name] ?? 0
  return {
    organization: at('organization_id'),
    transaction: at('transaction_id'),
    customer: at('external_customer_id'),
    code: at('code'),
    timestamp: at('timestamp'),
    choices: properties.choices.map((choice) => ({
      at: propertiesAt + choice.at,
      texts: choice.texts,
    })),
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
