/**
 * The road most requests take: a plain POST of events goes straight from node:http to its handler, since a framework's
 * request, reply and async context cost as much as everything else the edge does. In: a request. Out: whether it was
 * taken; whoever looks anything but plain (another route, no length, too long, a full queue) is left to the framework.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from '../../src/kit/errors.ts'
import { TOKEN_HEADER } from './freshness/read-class.ts'
import type { IngestAnswer, RequestHandler } from './ingest-request.ts'
import { INGEST_PATH, JSON_TYPE } from './ingest-route.ts'

export interface ExpressLaneOptions {
  readonly requests: RequestHandler
  readonly bodyBytesMax: number
  readonly log: (line: string) => void
}

type ExpressAnswer = Omit<IngestAnswer, 'status'> & { readonly status: number }

/** A bug of ours; what broke is for the log. */
const INTERNAL: ExpressAnswer = {
  status: 500,
  body: JSON.stringify({ error: 'INTERNAL', message: 'the service failed on this request' }),
  retryAfterS: null,
}
const PLAIN_TYPES: ReadonlySet<string | undefined> = new Set(['application/json', JSON_TYPE])
const LENGTH = /^[1-9]\d{0,15}$/

export class ExpressLane {
  readonly #options: ExpressLaneOptions
  #closed = false

  constructor(options: ExpressLaneOptions) {
    this.#options = options
  }

  /** From now on the framework answers: it knows how to say that the service stops. */
  close(): void {
    this.#closed = true
  }

  take(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'POST' || request.url !== INGEST_PATH || this.#closed) return false
    const { requests, bodyBytesMax } = this.#options
    const { headers } = request
    if (!PLAIN_TYPES.has(headers['content-type']) || requests.full) return false
    const length = headers['content-length']
    if (length === undefined || !LENGTH.test(length) || Number(length) > bodyBytesMax) return false
    readBody(request, (body) => {
      this.#handle(body, response)
    })
    return true
  }

  #handle(body: Buffer, response: ServerResponse): void {
    const { requests, log } = this.#options
    try {
      requests.handle(body, (answer) => {
        send(response, answer)
      })
    } catch (error) {
      log(`request failed: ${messageOf(error)}`)
      send(response, INTERNAL)
    }
  }
}

/** The parser sees to it that there are as many bytes as announced; a request that breaks off has no end. */
function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  let body: Buffer | null = null
  let more: Buffer[] | null = null
  request.on('data', (chunk: Buffer) => {
    if (body === null) body = chunk
    else (more ??= [body]).push(chunk)
  })
  request.on('end', () => {
    done(more === null ? (body ?? Buffer.alloc(0)) : Buffer.concat(more))
  })
}

/** Head and body leave in one write. */
function send(response: ServerResponse, { status, body, retryAfterS, token }: ExpressAnswer): void {
  const length = String(Buffer.byteLength(body))
  const headers = ['content-type', JSON_TYPE, 'content-length', length]
  if (retryAfterS !== null) headers.push('retry-after', String(retryAfterS))
  if (token !== undefined) headers.push(TOKEN_HEADER, token)
  response.writeHead(status, headers)
  response.end(body)
}
