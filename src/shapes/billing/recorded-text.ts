/** A recorded event as Headroom sends it: the JSON object, and the COPY text row with its escapes. */
import type { RecordedEvent } from './recorded-event.ts'

export function jsonText(event: RecordedEvent): string {
  const fields = [
    `"organization_id":"${event.organizationId}"`,
    `"transaction_id":${JSON.stringify(event.transactionId)}`,
    `"external_customer_id":${JSON.stringify(event.customerId)}`,
    `"code":${JSON.stringify(event.code)}`,
    `"timestamp":"${new Date(event.timeMs).toISOString()}"`,
    `"properties":${event.properties}`,
    `"value":${String(event.value)}`,
  ]
  return `{${fields.join(',')}}`
}

export function copyRowText(event: RecordedEvent): string {
  const columns = [
    event.organizationId,
    escapeCopy(event.transactionId),
    escapeCopy(event.customerId),
    escapeCopy(event.code),
    new Date(event.timeMs).toISOString(),
    escapeCopy(event.properties),
    String(event.value),
    String(event.value),
  ]
  return `${columns.join('\t')}\n`
}

const SPECIAL = /[\\\n\r\t]/
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** PostgreSQL COPY text format: backslash escapes for its separators. */
function escapeCopy(text: string): string {
  if (!SPECIAL.test(text)) return text
  return text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character)
}
