/** A plain client of the HTTP contract for the contract suites. It holds every response against openapi.yaml. */
import { randomUUID } from 'node:crypto'
import { parseLsn } from '../../reference-impl/service-kit/freshness/lsn.ts'
import { expectConforming } from './openapi-check.ts'

export interface EventBody {
  readonly organization_id: string
  readonly transaction_id: string
  readonly external_customer_id: string
  readonly code: string
  readonly timestamp: string
  readonly properties?: Readonly<Record<string, unknown>>
  readonly value?: number
}

export interface PostAnswer {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: {
    readonly accepted: number
    readonly duplicate: number
    readonly rejected: number
    readonly items?: readonly {
      readonly index: number
      readonly status: 'duplicate' | 'rejected'
      readonly reason?: string
    }[]
    readonly error?: string
    readonly message?: string
  }
}

export interface GetAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export class ServiceClient {
  readonly #base: URL
  /** As a session keeps it: what it wrote, it wants to read. */
  #token: string | null = null

  constructor(base: URL) {
    this.#base = base
  }

  /** Rejects when the connection breaks: the outcome is unknown then. */
  async post(body: unknown): Promise<PostAnswer> {
    const response = await fetch(new URL('/v1/events', this.#base), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const answer = (await response.json()) as PostAnswer['body']
    const { status, headers } = response
    expectConforming({ route: '/v1/events', method: 'post', status, headers, body: answer })
    this.#keepToken(headers.get('x-consistency-token'))
    return { status, retryAfter: headers.get('retry-after'), body: answer }
  }

  /** Answers of requests that ran at once come in any order: the position farthest on covers them all. */
  #keepToken(token: string | null): void {
    const [now, before] = [token, this.#token].map((text) =>
      text === null ? null : parseLsn(text),
    )
    if (now != null && now >= (before ?? 0n)) this.#token = token
  }

  /** @param route as openapi.yaml writes it */
  async get(route: string, path: string = route): Promise<GetAnswer> {
    const { status, headers, ...response } = await this.#fetch(path)
    const { body } = response
    expectConforming({ route, method: 'get', status, headers, body })
    return { status, headers, body: body as GetAnswer['body'] }
  }

  event(event: {
    readonly organization_id: string
    readonly transaction_id: string
  }): Promise<GetAnswer> {
    return this.eventBy(event.organization_id, event.transaction_id)
  }

  /** By its identity, whatever the shape calls it. */
  eventBy(source: string, transactionId: string): Promise<GetAnswer> {
    const id = encodeURIComponent(transactionId)
    return this.get('/v1/events/{organization_id}/{transaction_id}', `/v1/events/${source}/${id}`)
  }

  query(name: string, params: Readonly<Record<string, string>>): Promise<GetAnswer> {
    const search = new URLSearchParams(params).toString()
    return this.get('/v1/queries/{name}', `/v1/queries/${name}?${search}`)
  }

  async metrics(): Promise<ReadonlyMap<string, number>> {
    const { status, headers, body } = await this.#fetch('/metrics')
    expectConforming({ route: '/metrics', method: 'get', status, headers, body })
    const page = String(body)
    const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => {
        const space = line.lastIndexOf(' ')
        return [line.slice(0, space), Number(line.slice(space + 1))]
      }),
    )
  }

  async #fetch(
    path: string,
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: unknown }> {
    const response = await fetch(new URL(path, this.#base), {
      headers: this.#token === null ? {} : { 'x-consistency-token': this.#token },
    })
    const text = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json')
    const body: unknown = isJson ? JSON.parse(text) : text
    return { status: response.status, headers: response.headers, body }
  }
}

/** Values are multiples of 1/64, so their sums are exact in any order. */
export function makeEvent(overrides: Partial<EventBody> = {}): EventBody {
  return {
    organization_id: randomUUID(),
    transaction_id: randomUUID(),
    external_customer_id: 'customer-1',
    code: 'api_calls',
    timestamp: '2026-02-25T12:00:00.123Z',
    properties: { region: 'eu-west-1', note: 'a "quoted" \\ text,\twith {braces} and ünïcödé' },
    value: 1.515625,
    ...overrides,
  }
}

export function keyOf(event: {
  readonly organization_id: string
  readonly transaction_id: string
}): string {
  return `${event.organization_id}/${event.transaction_id}`
}
