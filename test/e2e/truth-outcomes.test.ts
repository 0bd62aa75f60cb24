/** Services that shed, refuse, fall silent, hang up or babble: the driver must tell exactly what they did. */
import { describe, expect, it } from 'vitest'
import {
  CLIENTS,
  expectConsistent,
  requestIndex,
  requestsWith,
  seeded,
  seededPositions,
} from '../truth/checks.ts'
import { constantSegment, runDriver } from '../truth/driver-run.ts'
import type { Arrival } from '../truth/truth-server.ts'
import { acceptedText, ackAndStore, answerText, startTruthServer } from '../truth/truth-server.ts'

const POSITIONS = 40

/** Which requests a server treated in some way, by index of the driver's schedule. */
function sortedRequests(
  arrivals: readonly Arrival[],
  index: ReturnType<typeof requestIndex>,
): readonly number[] {
  return arrivals.map(({ events }) => index(events[0]!)).sort((a, b) => a - b)
}

describe.each(CLIENTS)('the %s client', (client) => {
  it('counts every event of a healthy service as accepted, once, with its identity', async () => {
    await using server = await startTruthServer(ackAndStore)
    const segments = [constantSegment(500, 2)]
    await using run = await runDriver({ url: server.url, segments, client })
    expect(expectConsistent(run)).toMatchObject({ accepted: 1_000 })
    const index = requestIndex(run)
    const requests = sortedRequests(server.arrivals, index)
    expect(requests).toEqual(Array.from({ length: 1_000 }, (_, request) => request))
    expect(server.arrivals.every(({ path }) => path === '/v1/events')).toBe(true)
    for (const { events, atMs } of server.arrivals) {
      // Nothing is sent before it is due; the two processes' clocks agree to a millisecond.
      const dueMs = run.epochMs + run.schedule.dueMs(index(events[0]!))
      expect(atMs).toBeGreaterThan(dueMs - 1)
    }
  })

  it('calls 429 and 503 shed, other refusals rejected, and a gateway that gave up unknown', async () => {
    const positions = seededPositions(1, POSITIONS, 800)
    const statuses = [429, 503, 400, 504] as const
    const treated = new Map<number, Arrival[]>(statuses.map((status) => [status, []]))
    await using server = await startTruthServer((arrival, running) => {
      const at = positions.indexOf(arrival.number)
      const status = at < 0 ? 0 : statuses[at % statuses.length]!
      if (status === 0) ackAndStore(arrival, running)
      else {
        treated.get(status)!.push(arrival)
        arrival.socket.write(answerText(status, '{"error":"NO"}', 'Retry-After: 1\r\n'))
      }
    })
    const segments = [constantSegment(400, 2)]
    await using run = await runDriver({ url: server.url, segments, client })
    expectConsistent(run)
    const index = requestIndex(run)
    const shed = [...treated.get(429)!, ...treated.get(503)!]
    expect(requestsWith(run, 'shed')).toEqual(sortedRequests(shed, index))
    expect(requestsWith(run, 'rejected')).toEqual(sortedRequests(treated.get(400)!, index))
    expect(requestsWith(run, 'unknown')).toEqual(sortedRequests(treated.get(504)!, index))
    expect(requestsWith(run, 'dropped')).toEqual([])
    expect(server.arrivals).toHaveLength(800)
    const told = run.result.segments[0]!.notAccepted
    expect(told?.answeredRequests).toBe(800)
    const byStatus = told?.reasons.map((reason) =>
      reason.by === 'answer' ? [reason.status, reason.requests] : reason,
    )
    expect(new Map(byStatus as [number, number][])).toEqual(
      new Map(statuses.map((status) => [status, treated.get(status)!.length])),
    )
  })

  it('names the items of a batch that were duplicates or rejected', async () => {
    const random = seeded(2)
    const told = new Map<string, { readonly d: number[]; readonly x: number[] }>()
    await using server = await startTruthServer(({ events, socket }) => {
      const d: number[] = []
      const x: number[] = []
      for (let item = 0; item < events.length; item++) {
        const dice = random()
        if (dice < 0.02) d.push(item)
        else if (dice < 0.04) x.push(item)
      }
      told.set(events[0]!.transaction_id, { d, x })
      const items = [
        ...d.map((at) => ({ index: at, status: 'duplicate' })),
        ...x.map((at) => ({ index: at, status: 'rejected', reason: 'code' })),
      ]
      const accepted = events.length - d.length - x.length
      const counts = { accepted, duplicate: d.length, rejected: x.length }
      socket.write(answerText(200, JSON.stringify({ ...counts, items })))
    })
    const segments = [constantSegment(2_000, 2)]
    await using run = await runDriver({ url: server.url, segments, batchEvents: 20, client })
    expectConsistent(run)
    const sums = { d: 0, x: 0 }
    let mixed = 0
    for (let request = 0; request < run.result.requests; request++) {
      const { d, x } = told.get(run.stream.idOf(request * 20))!
      sums.d += d.length
      sums.x += x.length
      if (d.length + x.length === 0) continue
      mixed++
      expect(run.outcomes[request]!.hasExceptions).toBe(true)
      expect(run.exceptions.find(({ r }) => r === request)).toEqual({ r: request, d, x })
    }
    expect(mixed).toBeGreaterThan(20)
    expect(run.exceptions).toHaveLength(mixed)
    expect(run.result.segments[0]!.counts.duplicate).toBe(sums.d)
    expect(run.result.segments[0]!.counts.rejected).toBe(sums.x)
  })

  it('keeps unanswered requests unknown, and never asks again', async () => {
    const silentAt = new Set(seededPositions(3, POSITIONS, 600))
    const silent: Arrival[] = []
    await using server = await startTruthServer((arrival, running) => {
      if (silentAt.has(arrival.number)) silent.push(arrival)
      else ackAndStore(arrival, running)
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(300, 2)],
      client,
      requestTimeoutMs: 1_500,
    })
    expectConsistent(run)
    expect(requestsWith(run, 'unknown')).toEqual(sortedRequests(silent, requestIndex(run)))
    expect(server.arrivals).toHaveLength(600)
    expect(run.result.segments[0]!.latencyAll.infinite).toBe(POSITIONS)
  })

  it('tells an answer that was whole from one that was cut off, at any byte', async () => {
    const cutAt = new Map(seededPositions(4, 60, 900).map((at, k) => [at, k]))
    // Announced: behind a whole answer without a word, the next request may already be on its way, rightly unknown.
    const whole = answerText(200, '{"accepted":1}', 'Connection: close\r\n')
    const cut: Arrival[] = []
    await using server = await startTruthServer((arrival, running) => {
      const k = cutAt.get(arrival.number)
      if (k === undefined) {
        ackAndStore(arrival, running)
        return
      }
      // From nothing to everything but the last byte; every tenth is whole and then closed.
      const bytes = k % 10 === 9 ? whole.length : Math.floor((k / 60) * whole.length)
      if (bytes < whole.length) cut.push(arrival)
      arrival.socket.end(whole.slice(0, bytes))
    })
    const segments = [constantSegment(450, 2)]
    await using run = await runDriver({ url: server.url, segments, client })
    const counts = expectConsistent(run)
    expect(cut.length).toBeGreaterThanOrEqual(50)
    expect(requestsWith(run, 'unknown')).toEqual(sortedRequests(cut, requestIndex(run)))
    expect(counts.accepted).toBe(900 - cut.length)
    expect(server.arrivals).toHaveLength(900)
  })

  it('reads answers that dribble in byte by byte, in chunks, or after early hints', async () => {
    const body = JSON.stringify({ accepted: 1, duplicate: 0, rejected: 0 })
    const chunks = [...body].map((letter) => `1\r\n${letter}\r\n`).join('')
    const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`
    // undici takes no 100 that it has not asked for; the raw client's unit tests have one.
    const hinted = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${acceptedText(1)}`
    const texts = [chunked, acceptedText(1), hinted]
    await using server = await startTruthServer(({ number, socket }) => {
      const text = texts[number % 3]!
      if (number % 7 > 2) socket.write(text)
      else dribble(socket, text)
    })
    const segments = [constantSegment(100, 2)]
    await using run = await runDriver({ url: server.url, segments, client, connections: 64 })
    expect(expectConsistent(run)).toMatchObject({ accepted: 200 })
  })

  it('opens a new connection when the service closes each one after its answer', async () => {
    await using server = await startTruthServer(({ events, socket }, running) => {
      running.stored.push(...events.map((e) => ({ source: '', id: e.transaction_id, value: 0 })))
      socket.end(answerText(200, '', 'Connection: close\r\n'))
    })
    const segments = [constantSegment(300, 2)]
    await using run = await runDriver({ url: server.url, segments, client })
    expect(expectConsistent(run)).toMatchObject({ accepted: 600 })
    expect(server.stored).toHaveLength(600)
  })

  it('drops what can never be sent because nobody listens', async () => {
    const server = await startTruthServer(ackAndStore)
    await server[Symbol.asyncDispose]()
    const segments = [constantSegment(300, 1)]
    await using run = await runDriver({ url: server.url, segments, client, drainS: 1 })
    expect(expectConsistent(run)).toMatchObject({ dropped: 300, unknown: 0 })
    expect(run.result.driver.connectErrors).toBeGreaterThan(0)
    expect(run.result.segments[0]!.notAccepted).toEqual({
      answeredRequests: 0,
      reasons: [{ by: 'loss', code: 'ECONNREFUSED', requests: 300 }],
      otherRequests: 0,
    })
  })

  it('drops what would exceed the bound of requests in flight, and counts it as infinite', async () => {
    await using server = await startTruthServer(() => undefined)
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(300, 1)],
      client,
      connections: 8,
      inFlightRequestsMax: 50,
      requestTimeoutMs: 20_000,
      drainS: 0.5,
    })
    // Eight are with the service, forty-two wait and are never sent, the others find no room.
    expect(expectConsistent(run)).toMatchObject({ unknown: 8, dropped: 292 })
    expect(server.arrivals).toHaveLength(8)
  })

  it('ends the schedule when told to, and still waits for what is under way', async () => {
    await using server = await startTruthServer((arrival, running) => {
      setTimeout(() => {
        ackAndStore(arrival, running)
      }, 100)
    })
    const segments = [constantSegment(200, 2), { ...constantSegment(200, 2), fromS: 2, toS: 30 }]
    await using run = await runDriver({ url: server.url, segments, client }, async (driver) => {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      driver.stop()
    })
    expectConsistent(run)
    const { stoppedAtMs, requests } = run.result
    expect(run.result.segments).toHaveLength(1)
    expect(run.result.segments[0]!.toMs).toBe(stoppedAtMs)
    expect(requests).toBe(run.schedule.requestsBefore(stoppedAtMs!))
    expect(requestsWith(run, 'accepted')).toHaveLength(requests)
    expect(server.arrivals).toHaveLength(requests)
  })
})

function dribble(socket: Arrival['socket'], text: string): void {
  let at = 0
  const next = (): void => {
    if (at >= text.length || socket.destroyed) return
    socket.write(text[at++]!)
    setImmediate(next)
  }
  next()
}
