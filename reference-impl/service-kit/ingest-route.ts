/** POST /v1/events: parse, judge each item, admit within the bounds, and answer with what the store said. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Admission } from './admission.ts'
import type { EdgeOptions } from './edge.ts'
import { readEvent, type IngestEvent } from './event.ts'
import { sendProblem, type Problem } from './problem.ts'
import { ALL_ACCEPTED, type Answer, type Refusal } from './written.ts'

export interface IngestRouteOptions extends EdgeOptions {
  readonly admission: Admission
}

interface ParsedBody {
  readonly value: unknown
  readonly bytes: number
}

interface Sorted {
  readonly events: readonly IngestEvent[]
  readonly rejected: readonly Refusal[]
  /** Position in the request of each event; null where nothing was rejected and they are the same. */
  readonly positions: readonly number[] | null
}

const RETRY_AFTER_S = '1'
const JSON_TYPE = 'application/json; charset=utf-8'
const ONE_ACCEPTED = answerText(1, [], [])

export function addIngestRoute(app: FastifyInstance, options: IngestRouteOptions): void {
  const { ingest, meters, limits, admission } = options
  // JSON.parse keeps a "__proto__" key as plain data, and nothing here merges objects: Fastify's scan is not needed.
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      const buffer = body as Buffer
      const value: unknown = JSON.parse(buffer.toString('utf8'))
      done(null, { value, bytes: buffer.length } satisfies ParsedBody)
    } catch {
      done(Object.assign(new Error('the body is not valid JSON'), { statusCode: 400 }))
    }
  })

  app.post('/v1/events', {
    onRequest: (_request, reply, next) => {
      if (!admission.full) {
        next()
        return
      }
      meters.shed(0)
      sendShed(reply)
    },
    handler: (request, reply) => {
      const { value, bytes } = (request.body ?? { value: null, bytes: 0 }) as ParsedBody
      const items: readonly unknown[] = Array.isArray(value) ? value : [value]
      const malformed = bodyProblem(value, items.length, limits.eventsPerRequestMax)
      if (malformed !== null) {
        void sendProblem(reply, malformed.status, malformed.problem)
        return
      }
      const sorted = sortOut(items)
      if (sorted.events.length === 0) {
        meters.rejected(sorted.rejected.length)
        sendStored(reply, answerText(items.length, [], sorted.rejected))
        return
      }
      if (!admission.admit(items.length, bytes)) {
        meters.shed(items.length)
        sendShed(reply)
        return
      }
      ingest.submit(sorted.events, (answer) => {
        admission.release(items.length, bytes)
        meters.answered(answer, sorted.events.length)
        if (answer.state === 'stored') meters.rejected(sorted.rejected.length)
        send(reply, answer, { items: items.length, sorted })
      })
    },
  })
}

function bodyProblem(
  value: unknown,
  items: number,
  itemsMax: number,
): { readonly status: 400 | 413; readonly problem: Problem } | null {
  if (typeof value !== 'object' || value === null || items === 0) {
    const message = 'the body must be one event object or an array with at least one'
    return { status: 400, problem: { error: 'MALFORMED_BODY', message } }
  }
  if (items <= itemsMax) return null
  const message = `a request may hold ${String(itemsMax)} events; split it`
  return { status: 413, problem: { error: 'TOO_MANY_EVENTS', message } }
}

function sortOut(items: readonly unknown[]): Sorted {
  const events: IngestEvent[] = []
  const rejected: Refusal[] = []
  let positions: number[] | null = null
  for (let index = 0; index < items.length; index++) {
    const read = readEvent(items[index])
    if (read.ok) {
      events.push(read.event)
      positions?.push(index)
    } else {
      positions ??= events.map((_event, position) => position)
      rejected.push({ index, reason: read.reason })
    }
  }
  return { events, rejected, positions }
}

function send(
  reply: FastifyReply,
  answer: Answer,
  request: { readonly items: number; readonly sorted: Sorted },
): void {
  switch (answer.state) {
    case 'stored': {
      const { items, sorted } = request
      if (items === 1 && answer === ALL_ACCEPTED) {
        sendStored(reply, ONE_ACCEPTED)
        return
      }
      const at = (position: number): number => sorted.positions?.[position] ?? position
      const rejected = answer.rejected.map(({ index, reason }) => ({ index: at(index), reason }))
      sendStored(
        reply,
        answerText(items, answer.duplicates.map(at), [...sorted.rejected, ...rejected]),
      )
      return
    }
    case 'refused':
      void reply.header('retry-after', RETRY_AFTER_S)
      void sendProblem(reply, 503, { error: 'NOT_STORED', message: answer.because })
      return
    case 'unknown':
      void sendProblem(reply, 504, { error: 'OUTCOME_UNKNOWN', message: answer.because })
  }
}

function sendStored(reply: FastifyReply, text: string): void {
  void reply.header('content-type', JSON_TYPE).send(text)
}

function sendShed(reply: FastifyReply): void {
  void reply.header('retry-after', RETRY_AFTER_S)
  void sendProblem(reply, 429, {
    error: 'QUEUE_FULL',
    message: 'nothing of this request is stored',
  })
}

/** Only items that were not accepted are listed: the usual answer is three numbers. */
function answerText(
  items: number,
  duplicates: readonly number[],
  rejected: readonly Refusal[],
): string {
  const counts = {
    accepted: items - duplicates.length - rejected.length,
    duplicate: duplicates.length,
    rejected: rejected.length,
  }
  if (duplicates.length + rejected.length === 0) return JSON.stringify(counts)
  const listed = [
    ...duplicates.map((index) => ({ index, status: 'duplicate' })),
    ...rejected.map(({ index, reason }) => ({ index, status: 'rejected', reason })),
  ].sort((a, b) => a.index - b.index)
  return JSON.stringify({ ...counts, items: listed })
}
