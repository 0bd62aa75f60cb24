/** Services that freeze, queue or saturate: latency must be what arithmetic says from the schedule and their own log. */
import { describe, expect, it } from 'vitest'
import type { Segment } from '../../src/drive/job.ts'
import { CLIENTS, expectConsistent, requestIndex, seeded } from '../truth/checks.ts'
import type { DriverRun } from '../truth/driver-run.ts'
import { constantSegment, runDriver } from '../truth/driver-run.ts'
import { allLatencies, contention, quantile, undisturbed } from '../truth/timing.ts'
import type { Arrival, TruthServer } from '../truth/truth-server.ts'
import { ackAndStore, acceptedText, epochNowMs, startTruthServer } from '../truth/truth-server.ts'

const RATE_PER_S = 500

function freezeAt(epochMs: number, fromMs: number, forMs: number): void {
  setTimeout(
    () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs)
    },
    epochMs + fromMs - epochNowMs(),
  )
}

/** Until when a server that froze could not answer a request due at this moment; 0 where it could at once. */
function frozenForMs(server: TruthServer, atMs: number): number {
  const freeze = server.freezes.find(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs)
  return freeze === undefined ? 0 : freeze.toMs - atMs
}

/** Latency of each request, µs: the time it found the server frozen, and what an unfrozen answer takes. */
function frozenTruthUs(run: DriverRun, server: TruthServer, baseUs: number): readonly number[] {
  return Array.from({ length: run.result.requests }, (_, request) => {
    const dueMs = run.epochMs + run.schedule.dueMs(request)
    return frozenForMs(server, dueMs) * 1_000 + baseUs
  })
}

function expectWithin(seen: number | 'infinite', truth: number, ratio: number): void {
  expect(seen).toBeTypeOf('number')
  expect(Number(seen)).toBeGreaterThan(truth * (1 - ratio))
  expect(Number(seen)).toBeLessThan(truth * (1 + ratio))
}

async function frozenRun(
  client: (typeof CLIENTS)[number],
  freezes: readonly (readonly [fromMs: number, forMs: number])[],
  seconds: number,
): Promise<{ readonly run: DriverRun; readonly server: TruthServer }> {
  const server = await startTruthServer(ackAndStore)
  const run = await runDriver(
    { url: server.url, segments: [constantSegment(RATE_PER_S, seconds)], client },
    (_driver, epochMs) => {
      for (const [fromMs, forMs] of freezes) freezeAt(epochMs, fromMs, forMs)
    },
  )
  await server[Symbol.asyncDispose]()
  return { run, server }
}

describe.each(CLIENTS)('the %s client', (client) => {
  it('reports p99 and p99.9 of a service that froze for 2 s as the schedule says', async () => {
    await undisturbed(async () => {
      const still = await frozenRun(client, [], 3)
      const baseUs = Number(allLatencies(still.run).p50)
      const { run, server } = await frozenRun(client, [[3_000, 2_000]], 9)
      await still.run[Symbol.asyncDispose]()
      await run[Symbol.asyncDispose]()
      return {
        disturbed: contention(run) ?? contention(still.run),
        check: () => {
          expect(expectConsistent(run).accepted).toBe(9 * RATE_PER_S)
          expect(server.freezes.some(({ fromMs, toMs }) => toMs - fromMs >= 1_990)).toBe(true)
          const truth = frozenTruthUs(run, server, baseUs)
          const seen = allLatencies(run)
          expectWithin(seen.p99, quantile(truth, 0.99), 0.02)
          expectWithin(seen.p999, quantile(truth, 0.999), 0.02)
          expect(Math.abs(Number(seen.p50) - baseUs)).toBeLessThan(1_000)
        },
      }
    })
  })

  it('reports 24 freezes at seeded moments as the schedule says', async () => {
    await undisturbed(async () => {
      const random = seeded(11)
      const freezes = Array.from(
        { length: 24 },
        (_, k) => [300 + k * 550 + random() * 200, 100 + random() * 200] as const,
      )
      const { run, server } = await frozenRun(client, freezes, 14)
      await run[Symbol.asyncDispose]()
      return {
        disturbed: contention(run),
        check: () => {
          expectConsistent(run)
          expect(
            server.freezes.filter(({ fromMs, toMs }) => toMs - fromMs > 90).length,
          ).toBeGreaterThan(20)
          const truth = frozenTruthUs(run, server, 500)
          const seen = allLatencies(run)
          for (const [q, value] of [
            [0.9, seen.p90],
            [0.99, seen.p99],
            [0.999, seen.p999],
          ] as const) {
            // A queue of a hundred requests needs a few milliseconds to be answered.
            const truthUs = quantile(truth, q)
            expect(Math.abs(Number(value) - truthUs)).toBeLessThan(truthUs * 0.02 + 5_000)
          }
        },
      }
    })
  })

  it.each(['even', 'poisson'] as const)(
    "shows the waits of a single worker as Lindley's recursion over the %s schedule has them",
    async (spacing) => {
      await undisturbed(async () => {
        const worker = new SingleWorker(15)
        await using server = await startTruthServer((arrival) => {
          worker.take(arrival)
        })
        await using run = await runDriver({
          url: server.url,
          segments: spacing === 'even' ? bursts() : [constantSegment(58, 8)],
          client,
          spacing,
          connections: 256,
        })
        return {
          disturbed: contention(run) ?? lateArrivals(run, server),
          check: () => {
            expectConsistent(run)
            const index = requestIndex(run)
            const seen = allLatencies(run)
            const truths = [
              // When the worker says that it answered, from when the request was due …
              worker.served.map(({ arrival, endMs }) => {
                const dueMs = run.epochMs + run.schedule.dueMs(index(arrival.events[0]!))
                return (endMs - dueMs) * 1_000
              }),
              // … which is what the recursion has.
              lindleyUs(run, worker, index),
            ]
            for (const truth of truths) {
              for (const [q, value] of [
                [0.5, seen.p50],
                [0.9, seen.p90],
                [0.99, seen.p99],
              ] as const) {
                const truthUs = quantile(truth, q)
                expect(Math.abs(Number(value) - truthUs)).toBeLessThan(truthUs * 0.02 + 1_000)
              }
            }
          },
        }
      })
    },
  )

  it('shows a service that saturates: its own rate, a queue that grows, and drops at the bound', async () => {
    const worker = new SingleWorker(5)
    await using server = await startTruthServer((arrival) => {
      worker.take(arrival)
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(600, 3)],
      client,
      connections: 16,
      inFlightRequestsMax: 100,
      drainS: 10,
    })
    const counts = expectConsistent(run)
    expect(counts.accepted).toBe(worker.served.length)
    expect(counts.dropped).toBe(1_800 - worker.served.length)
    // In flight at most a hundred: what was accepted in the end is what was served meanwhile and these.
    const servedMeanwhile = worker.served.filter(({ endMs }) => endMs <= run.epochMs + 3_000).length
    expect(Math.abs(counts.accepted - servedMeanwhile - 100)).toBeLessThanOrEqual(5)
    // A full queue of a hundred is a hundred service times long, for all that were sent.
    const latencies = allLatencies(run)
    expect(latencies.p99).toBe('infinite')
    expect(run.result.segments[0]!.waitedRequests).toBeGreaterThan(100)
    expect(server.arrivals).toHaveLength(counts.accepted)
  })
})

/** A worker starts with what has arrived: a run whose arrivals lag 1 ms behind the schedule cannot be judged to 1 ms. */
function lateArrivals(run: DriverRun, server: TruthServer): string | null {
  const index = requestIndex(run)
  const lateMs = server.arrivals.map(
    ({ events, atMs }) => atMs - run.epochMs - run.schedule.dueMs(index(events[0]!)),
  )
  const p90 = quantile(lateMs, 0.9)
  return p90 > 1 ? `requests arrived ${p90.toFixed(1)} ms late (p90)` : null
}

/** Evenly spaced and still with queues: bursts above what the worker can do, calm between them. */
function bursts(): readonly Segment[] {
  return Array.from({ length: 4 }, (_, k) => [
    { ...constantSegment(20, 1.6), name: `calm-${k}`, fromS: k * 2, toS: k * 2 + 1.6 },
    { ...constantSegment(140, 0.4), name: `burst-${k}`, fromS: k * 2 + 1.6, toS: k * 2 + 2 },
  ]).flat()
}

/** One request at a time, in order of arrival, each for about `serviceMs`; when it did what is on record. */
class SingleWorker {
  readonly served: {
    readonly arrival: Arrival
    readonly startMs: number
    readonly endMs: number
  }[] = []
  readonly #serviceMs: number
  readonly #queue: Arrival[] = []
  #isBusy = false

  constructor(serviceMs: number) {
    this.#serviceMs = serviceMs
  }

  take(arrival: Arrival): void {
    this.#queue.push(arrival)
    if (!this.#isBusy) this.#next(epochNowMs())
  }

  #next(startMs: number): void {
    const arrival = this.#queue.shift()
    this.#isBusy = arrival !== undefined
    if (arrival === undefined) return
    setTimeout(() => {
      arrival.socket.write(acceptedText(1))
      const endMs = epochNowMs()
      this.served.push({ arrival, startMs, endMs })
      this.#next(endMs)
    }, this.#serviceMs)
  }
}

/**
 * W(n+1) = max(0, W(n) + S(n) − gap(n)): the wait of each request from the due times of the schedule and the service
 * times that the worker logged; its latency is wait plus service.
 */
function lindleyUs(
  run: DriverRun,
  worker: SingleWorker,
  index: ReturnType<typeof requestIndex>,
): readonly number[] {
  const serviceMs = new Float64Array(run.result.requests)
  for (const { arrival, startMs, endMs } of worker.served) {
    serviceMs[index(arrival.events[0]!)] = endMs - startMs
  }
  let waitMs = 0
  return Array.from(serviceMs, (service, request) => {
    const latencyUs = (waitMs + service) * 1_000
    const gapMs = run.schedule.dueMs(request + 1) - run.schedule.dueMs(request)
    waitMs = Math.max(0, waitMs + service - gapMs)
    return latencyUs
  })
}
