/** A record of the user's file in, a billing event out: what is read of it, and how it is sent and copied. */
import { escapeCopy } from '../recorded/copy-escapes.ts'
import type { RecordedForm, RecordedIdentity } from '../recorded/recorded-form.ts'
import {
  amountOf,
  isObject,
  refuseNul,
  sourceUuid,
  textOf,
  timeOf,
  type RecordFields,
} from '../recorded/record-fields.ts'
import { mappedName, mappedNames, type Mapping } from '../recorded/mapping.ts'

interface RecordedEvent extends RecordedIdentity {
  readonly customerId: string
  readonly code: string
  /** JSON object text. */
  readonly properties: string
}

export const recordedBilling: RecordedForm<RecordedEvent> = {
  read: readEvent,
  jsonText,
  copyRowText,
}

/** @throws MalformedRecord for the first field that cannot be used */
function readEvent(fields: RecordFields, mapping: Mapping): RecordedEvent {
  const text = (name: string): string => textOf(fields, mappedName(mapping, name) ?? name)
  const value = mappedName(mapping, 'value')
  return {
    source: sourceUuid(text('organization_id')),
    id: text('transaction_id'),
    customerId: text('external_customer_id'),
    code: text('code'),
    timeMs: timeOf(fields, mappedName(mapping, 'timestamp') ?? 'timestamp'),
    properties: propertiesOf(fields, mappedNames(mapping, 'properties')),
    value: value === null ? 0 : amountOf(fields, value),
  }
}

/** An object's members are taken over; anything else stands under the name it has in the mapping. */
function propertiesOf(fields: RecordFields, paths: readonly string[]): string {
  // Without a prototype: a member named __proto__ is a member like any other.
  const properties = Object.create(null) as Record<string, unknown>
  for (const path of paths) {
    const value = fields(path)
    if (isObject(value)) Object.assign(properties, value)
    else if (value !== undefined) properties[path] = value
  }
  const text = JSON.stringify(properties)
  refuseNul(text, paths.join(', '))
  return text
}

function jsonText(event: RecordedEvent): string {
  const fields = [
    `"organization_id":"${event.source}"`,
    `"transaction_id":${JSON.stringify(event.id)}`,
    `"external_customer_id":${JSON.stringify(event.customerId)}`,
    `"code":${JSON.stringify(event.code)}`,
    `"timestamp":"${new Date(event.timeMs).toISOString()}"`,
    `"properties":${event.properties}`,
    `"value":${String(event.value)}`,
  ]
  return `{${fields.join(',')}}`
}

function copyRowText(event: RecordedEvent): string {
  const columns = [
    event.source,
    escapeCopy(event.id),
    escapeCopy(event.customerId),
    escapeCopy(event.code),
    new Date(event.timeMs).toISOString(),
    escapeCopy(event.properties),
    String(event.value),
    String(event.value),
  ]
  return `${columns.join('\t')}\n`
}
