/**
 * Requests after a template of the user's own. In: a request index. Out: method, path, headers and a body made of its
 * events. About ten times the work of the contract's requests: every event is written, read and written again.
 */
import type { EventFields, Render } from '../shapes/event-template.ts'
import { isConstant, jsonTemplate, textTemplate } from '../shapes/event-template.ts'
import type { RequestSpeech } from './job.ts'
import { basePathOf, lowerCased } from './request-path.ts'
import type {
  Exchange,
  RequestLine,
  RequestSource,
  RequestWriterOptions,
} from './request-writer.ts'
import { headPrefix } from './request-writer.ts'

const HEAD_END = '\r\n\r\n'
const FIRST_BYTES = 4_096

export interface TemplateWriterOptions extends RequestWriterOptions {
  readonly constants: Readonly<Record<string, string>>
}

export class TemplateWriter implements RequestSource {
  readonly #options: TemplateWriterOptions
  readonly #request: RequestSpeech
  readonly #event: Render
  readonly #envelope: { readonly before: string; readonly after: string }
  readonly #path: Render
  readonly #headers: readonly (readonly [string, Render])[]
  /** The same for every request; null where an event has a say in it. */
  readonly #line: RequestLine | null
  readonly #scratch: Buffer

  constructor(request: RequestSpeech, options: TemplateWriterOptions) {
    const { constants, url } = options
    this.#options = options
    this.#request = request
    this.#event =
      typeof request.event === 'string'
        ? textTemplate(request.event, constants)
        : jsonTemplate(request.event, constants)
    this.#envelope = envelopeOf(request, constants)
    this.#path = textTemplate(basePathOf(url) + request.path, constants, encodeURIComponent)
    const headers = { ...defaultHeaders(request), ...lowerCased(options.headers) }
    const own = Object.entries({ ...headers, ...lowerCased(request.headers) })
    this.#headers = own.map(([name, text]) => [name, textTemplate(text, constants)])
    const isFixed = isConstant(request.path) && own.every(([, text]) => isConstant(text))
    this.#line = isFixed ? this.#lineOf({}) : null
    this.#scratch = Buffer.allocUnsafeSlow(options.stream.maxEventBytes)
  }

  newExchange(): Exchange {
    return {
      request: 0,
      events: 0,
      segment: 0,
      dueMs: 0,
      sentMs: 0,
      buffer: Buffer.allocUnsafeSlow(FIRST_BYTES),
      from: 0,
      bodyFrom: 0,
      to: 0,
      line: this.#line ?? { method: this.#request.method, path: '/', headers: {} },
      lengthDigits: 0,
    }
  }

  eventsIn(request: number): number {
    const { batchEvents, stream } = this.#options
    return Math.min(batchEvents, stream.eventCount - request * batchEvents)
  }

  write(exchange: Exchange): void {
    const events = this.#eventsOf(exchange)
    const { before, after } = this.#envelope
    const separator = this.#request.batch === 'lines' ? '\n' : ','
    const body = before + events.map((event) => this.#event(event)).join(separator) + after
    exchange.line = this.#line ?? this.#lineOf(events[0] ?? {})
    const bodyBytes = Buffer.byteLength(body)
    const head = `${headPrefix(this.#options.url, exchange.line)}${String(bodyBytes)}${HEAD_END}`
    const bytes = head.length + bodyBytes
    if (exchange.buffer.length < bytes) exchange.buffer = Buffer.allocUnsafeSlow(bytes * 2)
    exchange.bodyFrom = exchange.buffer.write(head, 0, 'latin1')
    exchange.to = exchange.bodyFrom + exchange.buffer.write(body, exchange.bodyFrom, 'utf8')
  }

  #eventsOf({ request, events }: Exchange): readonly EventFields[] {
    const { stream, batchEvents } = this.#options
    return Array.from({ length: events }, (_, item) => {
      const end = stream.writeJson(request * batchEvents + item, this.#scratch, 0)
      return JSON.parse(this.#scratch.toString('utf8', 0, end)) as EventFields
    })
  }

  #lineOf(event: EventFields): RequestLine {
    const headers = this.#headers.map(([name, render]): [string, string] => [
      name,
      // What an event brings along must not break out of its line.
      render(event).replaceAll(/[\r\n\0]/g, ' '),
    ])
    const { method } = this.#request
    return { method, path: this.#path(event), headers: Object.fromEntries(headers) }
  }
}

function defaultHeaders({ event, batch }: RequestSpeech): Readonly<Record<string, string>> {
  if (typeof event === 'string') return { 'content-type': 'text/plain; charset=utf-8' }
  return { 'content-type': batch === 'lines' ? 'application/x-ndjson' : 'application/json' }
}

/** What stands before and behind the events. */
function envelopeOf(
  { batch, around }: RequestSpeech,
  constants: Readonly<Record<string, string>>,
): { readonly before: string; readonly after: string } {
  if (batch === 'one') return { before: '', after: '' }
  if (batch === 'lines') return { before: '', after: '\n' }
  if (around === null) return { before: '[', after: ']' }
  // A mark that cannot stand in JSON text as it is: control characters are escaped there.
  const mark = '\u0001'
  const text = jsonTemplate(around, { ...constants, events: mark })({})
  const [before = '', after = ''] = text.split(JSON.stringify(mark))
  return { before: `${before}[`, after: `]${after}` }
}
