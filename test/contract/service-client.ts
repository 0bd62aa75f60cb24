/** A plain client of the HTTP contract for the contract suites. */
import { randomUUID } from 'node:crypto'

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
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: (await response.json()) as PostAnswer['body'],
    }
  }

  async get(path: string): Promise<GetAnswer> {
    const response = await fetch(new URL(path, this.#base))
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as GetAnswer['body'],
    }
  }

  event(event: {
    readonly organization_id: string
    readonly transaction_id: string
  }): Promise<GetAnswer> {
    const id = encodeURIComponent(event.transaction_id)
    return this.get(`/v1/events/${event.organization_id}/${id}`)
  }

  query(name: string, params: Readonly<Record<string, string>>): Promise<GetAnswer> {
    return this.get(`/v1/queries/${name}?${new URLSearchParams(params).toString()}`)
  }

  async metrics(): Promise<ReadonlyMap<string, number>> {
    const page = await (await fetch(new URL('/metrics', this.#base))).text()
    const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => {
        const space = line.lastIndexOf(' ')
        return [line.slice(0, space), Number(line.slice(space + 1))]
      }),
    )
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
