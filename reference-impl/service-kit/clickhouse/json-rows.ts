/**
 * Events as JSONEachRow text, made once and in pieces: the first is on its way while the next is made. In: events. Out:
 * pieces of UTF-8. Written by hand because a general encoder makes an object of each row and looks at every character of
 * texts that were checked at the door (event.ts).
 */
import type { IngestEvent } from '../event.ts'

/** About 100 KiB of usual events: enough for one write, little enough to overlap with the engine's reading. */
const PIECE_ROWS = 200
/** What a JSON text must not hold as it is: quote, backslash and control characters. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/

export function* jsonRows(events: readonly IngestEvent[]): Generator<Buffer> {
  for (let from = 0; from < events.length; from += PIECE_ROWS) {
    let text = ''
    const to = Math.min(events.length, from + PIECE_ROWS)
    for (let at = from; at < to; at++) {
      const event = events[at]
      if (event !== undefined) text += jsonRow(event)
    }
    yield Buffer.from(text, 'utf8')
  }
}

/** One line. Organization, timestamp and value hold nothing to escape; a value's text is a JSON number as it is. */
export function jsonRow(event: IngestEvent): string {
  const { value } = event
  const amounts =
    value === null ? 'null,"decimal_value":null}\n' : `${value},"decimal_value":"${value}"}\n`
  return (
    `{"organization_id":"${event.organizationId}","transaction_id":${quoted(event.transactionId)}` +
    `,"external_customer_id":${quoted(event.externalCustomerId)},"code":${quoted(event.code)}` +
    // Properties are JSON in a JSON text, so nearly always full of quotes.
    `,"timestamp":"${event.timestamp}","properties":${JSON.stringify(event.properties)}` +
    `,"value":${amounts}`
  )
}

function quoted(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`
}
