/**
 * The functions that run once per event or per second, each timed alone by tinybench: where to look when a process's CPU
 * rises. In: nothing. Out: nanoseconds per call; there is no peer, so no bar.
 */
import { Bench } from 'tinybench'
import { readEvent } from '../reference-impl/service-kit/event.ts'
import { schedule } from '../src/drive/schedule.ts'
import { Histogram, percentilesOf } from '../src/kit/histogram.ts'
import { EventPopulation } from '../src/scenario/scenario.ts'
import { openStream } from '../src/shapes/open-stream.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'

const SECONDS_PER_TASK = 0.5
const SEED = 20_261_121

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const bench = new Bench({
    time: SECONDS_PER_TASK * 1_000 * options.rounds,
    signal: options.signal,
  })
  const stream = await openStream(
    { source: 'generated', shape: 'billing', seed: SEED, events: EventPopulation.parse({}) },
    (index) => index,
  )
  const segments = [
    { name: 'a', kind: 'measure', fromS: 0, toS: 600, fromPerS: 5_000, toPerS: 5_000 },
  ] as const
  const spread = { segments, seed: SEED, batchEvents: 1, eventCount: Infinity }
  const even = schedule({ ...spread, spacing: 'even' })
  const poisson = schedule({ ...spread, spacing: 'poisson' })
  const target = Buffer.alloc(stream.maxEventBytes)
  const event: unknown = JSON.parse(target.toString('utf8', 0, stream.writeJson(7, target, 0)))
  const [source, id] = [stream.sourceOf(7), stream.idOf(7)]
  const histogram = new Histogram()
  for (let us = 1; us < 100_000; us += 7) histogram.record(us)
  let index = 0
  bench
    .add('driver: write one event as JSON', () => {
      stream.writeJson(index++, target, 0)
    })
    .add('driver: due time of a request, even', () => {
      even.dueMs(index++ % even.requests)
    })
    .add('driver: due time of a request, Poisson', () => {
      poisson.dueMs(index++ % poisson.requests)
    })
    .add('service: check one event', () => {
      readEvent(event)
    })
    .add('audit: index of an identity', () => {
      stream.indexOf(source, id)
    })
    .add('record: percentiles of a histogram', () => {
      percentilesOf(histogram)
    })
  await bench.run()
  return bench.tasks.map((task) => {
    const { result } = task
    if (result.state !== 'completed')
      throw new Error(`${task.name} did not complete: ${result.state}`)
    const { latency } = result
    return {
      what: task.name,
      ours: latency.p50 * 1e6,
      peer: null,
      peerName: 'none',
      unit: 'ns per call',
      ratio: null,
      bar: 'none',
      met: null,
      note: `median of ${String(latency.samplesCount)} calls, ± ${latency.rme.toFixed(1)} % around the mean`,
    }
  })
}
