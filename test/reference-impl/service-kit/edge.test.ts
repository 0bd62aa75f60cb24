import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildEdge, type EdgeLimits } from '../../../reference-impl/service-kit/edge.ts'
import { BILLING_DOOR, type IngestEvent } from '../../../reference-impl/service-kit/event.ts'
import { Meters } from '../../../reference-impl/service-kit/meters.ts'
import type { Ingest } from '../../../reference-impl/service-kit/service.ts'
import type { Answer } from '../../../reference-impl/service-kit/written.ts'

const LIMITS: EdgeLimits = {
  queueEventsMax: 50,
  queueBytesMax: 1_000_000,
  bodyBytesMax: 4_000,
  eventsPerRequestMax: 5,
}

/** The first event's code says what becomes of its request; `hold` keeps it until it is let go. */
class ScriptedIngest implements Ingest {
  readonly door = BILLING_DOOR
  readonly held: (() => void)[] = []
  readonly reads = {
    answers: ['Q1'] as const,
    lookup: () => Promise.reject(new Error('not asked here')),
    query: () => Promise.reject(new Error('not asked here')),
  }

  submit(events: readonly IngestEvent[], answer: (answer: Answer) => void): void {
    const say = (): void => {
      answer(answerTo(events))
    }
    if (events[0]?.code === 'hold') this.held.push(say)
    else setImmediate(say)
  }

  ping(): Promise<void> {
    return Promise.resolve()
  }

  secondary(): null {
    return null
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function answerTo(events: readonly IngestEvent[]): Answer {
  const code = events[0]?.code
  if (code === 'refused') return { state: 'refused', because: 'down' }
  if (code === 'unknown') return { state: 'unknown', because: 'lost' }
  const positions = events.map((_event, index) => index)
  return {
    state: 'stored',
    duplicates: positions.filter((index) => events[index]?.code === 'twice'),
    rejected: positions
      .filter((index) => events[index]?.code === 'poison')
      .map((index) => ({ index, reason: 'poison' })),
  }
}

async function startEdge(ingest: ScriptedIngest = new ScriptedIngest()) {
  const meters = new Meters()
  const lines: string[] = []
  const app = buildEdge({ ingest, meters, limits: LIMITS, log: (line) => lines.push(line) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    ingest,
    lines,
    port,
    url: `http://127.0.0.1:${String(port)}`,
    async [Symbol.asyncDispose]() {
      await app.close()
      meters[Symbol.dispose]()
    },
  }
}

type Edge = Awaited<ReturnType<typeof startEdge>>

/** A query string is enough to keep a request off the express lane; the route is the same. */
const ROADS = { express: '/v1/events', framework: '/v1/events?' }

async function post(edge: Edge, road: keyof typeof ROADS, body: string, type = 'application/json') {
  const headers = { 'content-type': type }
  const answer = await fetch(edge.url + ROADS[road], { method: 'POST', headers, body })
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    retryAfter: answer.headers.get('retry-after'),
    body: await answer.text(),
  }
}

const eventOf = (code: unknown, more: object = {}): object => ({
  organization_id: '018f6b1e-0000-4000-8000-000000000001',
  transaction_id: 't',
  external_customer_id: 'ünï😀',
  code,
  timestamp: '2026-02-25T12:00:00Z',
  ...more,
})
const code = fc.constantFrom<unknown>('fine', 'twice', 'poison', 'refused', 'unknown', '', 7, null)
const item = fc.oneof(
  { weight: 8, arbitrary: code.map((one) => eventOf(one)) },
  fc.constantFrom<unknown>(null, 7, [], 'text', eventOf('fine', { surprise: 1 })),
)
const body = fc.oneof(
  item.map((one) => JSON.stringify(one)),
  fc.array(item, { maxLength: 7 }).map((items) => JSON.stringify(items)),
  fc.array(item, { maxLength: 3 }).map((items) => JSON.stringify(items).slice(0, -1)),
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.constant(JSON.stringify(eventOf('fine', { properties: { text: 'x'.repeat(5_000) } }))),
)

describe('the edge', () => {
  let edge: Edge
  beforeAll(async () => {
    edge = await startEdge()
  })
  afterAll(async () => {
    await edge[Symbol.asyncDispose]()
  })

  it('answers every body alike on the express lane and through the framework', async () => {
    const types = fc.constantFrom('application/json', 'application/json; charset=utf-8')
    await fc.assert(
      fc.asyncProperty(body, types, async (text, type) => {
        const express = await post(edge, 'express', text, type)
        expect(express).toEqual(await post(edge, 'framework', text, type))
      }),
      { numRuns: 200 },
    )
  })

  it('says 415 to a body that is not declared as JSON, on both roads', async () => {
    for (const road of ['express', 'framework'] as const) {
      expect((await post(edge, road, '{}', 'text/csv')).status).toBe(415)
    }
  })

  it('puts a body together that arrives in pieces, with its length or chunked', async () => {
    const text = JSON.stringify(eventOf('fine'))
    const bytes = Buffer.from(text)
    for (const cut of [1, 40, bytes.indexOf('😀') + 2, bytes.length - 1]) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)]
      const length = `content-length: ${String(bytes.length)}\r\n\r\n`
      expect(await rawAnswer(edge, [headOf(length), ...pieces])).toMatch(/^HTTP\/1.1 200 /)
      const chunks = pieces.flatMap((piece) => [`${piece.length.toString(16)}\r\n`, piece, '\r\n'])
      const chunked = [headOf('transfer-encoding: chunked\r\n\r\n'), ...chunks, '0\r\n\r\n']
      expect(await rawAnswer(edge, chunked)).toMatch(/^HTTP\/1.1 200 /)
    }
  })

  it('outlives a client that leaves in the middle of its body, or before its answer', async () => {
    const text = JSON.stringify(eventOf('hold'))
    const head = headOf(`content-length: ${String(Buffer.byteLength(text))}\r\n\r\n`)
    for (const sent of [text.slice(0, 20), text]) {
      const held = edge.ingest.held.length
      const socket = connect(edge.port, '127.0.0.1')
      socket.write(head + sent)
      if (sent === text) await expect.poll(() => edge.ingest.held.length).toBe(held + 1)
      socket.destroy()
      await once(socket, 'close')
    }
    for (const say of edge.ingest.held.splice(0)) say()
    expect((await post(edge, 'express', JSON.stringify(eventOf('fine')))).status).toBe(200)
  })

  it('sheds with 429 and Retry-After on both roads while its queue is full', async () => {
    await using full = await startEdge()
    const five = JSON.stringify(Array.from({ length: 5 }, () => eventOf('hold')))
    const waiting = Array.from({ length: 10 }, () => post(full, 'express', five))
    await expect.poll(() => full.ingest.held.length).toBe(10)
    for (const road of ['express', 'framework'] as const) {
      const shed = await post(full, road, JSON.stringify(eventOf('fine')))
      expect(shed).toMatchObject({ status: 429, retryAfter: '1' })
    }
    for (const say of full.ingest.held.splice(0)) say()
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(10).fill(200))
  })

  it('answers what is in flight when it closes, and takes nothing new', async () => {
    const closing = await startEdge()
    const inFlight = post(closing, 'express', JSON.stringify(eventOf('hold')))
    await expect.poll(() => closing.ingest.held.length).toBe(1)
    const closed = closing[Symbol.asyncDispose]()
    for (const say of closing.ingest.held.splice(0)) say()
    expect((await inFlight).status).toBe(200)
    await closed
    await expect(post(closing, 'express', '{}')).rejects.toThrow()
  })
})

function headOf(rest: string): string {
  return `POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n${rest}`
}

async function rawAnswer(edge: Edge, pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(edge.port, '127.0.0.1').setNoDelay(true)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('utf8')))
  const closed = once(socket, 'close')
  for (const piece of pieces) {
    socket.write(piece)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await closed
  return answer
}
