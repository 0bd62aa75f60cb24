import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Probe, Sample } from '../../src/collect/probe.ts'
import { startSampler } from '../../src/collect/sampler.ts'
import type { RunningSampler, SamplerOptions } from '../../src/collect/sampler.ts'
import { seriesLines } from '../../src/results/series.ts'
import type { SeriesLine } from '../../src/results/record.ts'
import { ManualClock } from '../fixtures/manual-clock.ts'

const EPOCH_MS = 1_000_000
let dir = ''
let clock = new ManualClock(EPOCH_MS)
let said: string[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'headroom-sampler-'))
  clock = new ManualClock(EPOCH_MS - 350)
  said = []
})
afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

function start(
  probes: readonly Probe[],
  options: Partial<SamplerOptions> = {},
): Promise<RunningSampler> {
  return startSampler({
    probes,
    epochMs: EPOCH_MS,
    file: join(dir, 'series.ndjson'),
    signal: new AbortController().signal,
    log: (line) => said.push(line),
    clock,
    ...options,
  })
}

function probe(intervalMs: number, sample: () => Promise<readonly Sample[]>, name = 'test'): Probe {
  return { name, intervalMs, sample }
}

async function written(): Promise<readonly SeriesLine[]> {
  const lines: SeriesLine[] = []
  for await (const line of seriesLines(join(dir, 'series.ndjson'))) lines.push(line)
  return lines
}

const gauge = (metric: string, value: number, label: string | null = null): Sample => ({
  metric,
  label,
  value,
})

describe('the sampler', () => {
  it('looks at once, at multiples of each interval from the epoch on, and once more at the end', async () => {
    const sampler = await start([
      probe(1_000, async () => [gauge('merges.running', 1)], 'slow'),
      probe(500, async () => [gauge('buffers.hitRatio', 1)], 'fast'),
    ])
    await clock.advance(2_400)
    await sampler.stop()
    const times = (key: string): number[] =>
      [...lines].filter((line) => key in line.v).map((line) => line.t)
    const lines = await written()
    expect(times('merges.running')).toEqual([-350, 0, 1_000, 2_000, 2_050])
    expect(times('buffers.hitRatio')).toEqual([-350, 0, 500, 1_000, 1_500, 2_000, 2_050])
  })

  it('keeps counters as totals and adds their rate since the look before', async () => {
    let total = 10_000_000_000
    const sampler = await start([
      probe(1_000, async () => [gauge('wal.bytes', (total += 1_234_567))]),
    ])
    await clock.advance(1_500)
    expect(sampler.latest()['wal.bytesPerS']).toBe(1_234_567)
    await sampler.stop()
    const [first, second, third] = (await written()).filter((line) => 'wal.bytes' in line.v)
    expect(first?.v).not.toHaveProperty('wal.bytesPerS')
    expect(second?.v['wal.bytes']).toBe(10_002_469_134)
    // 350 ms lay between the first two looks.
    expect(second?.v['wal.bytesPerS']).toBe(3_527_330)
    expect(third?.v['wal.bytesPerS']).toBe(1_234_567)
  })

  it('never asks a probe again before it has answered, and counts the moments that passed', async () => {
    let running = 0
    let most = 0
    const sampler = await start([
      probe(1_000, async () => {
        running += 1
        most = Math.max(most, running)
        await clock.sleep(2_600)
        running -= 1
        return []
      }),
    ])
    await clock.advance(10_000)
    const stopping = sampler.stop()
    await clock.advance(5_000)
    const { probes } = await stopping
    expect(most).toBe(1)
    expect(probes[0]?.skipped).toBeGreaterThanOrEqual(5)
    expect(said.join('\n')).toContain('probe test: 0 failed')
  })

  it('names a probe that fails, once per kind of failure, and goes on with the others', async () => {
    let look = 0
    const sampler = await start([
      probe(1_000, () => Promise.reject(new Error('connection refused')), 'broken'),
      probe(1_000, async () => [gauge('merges.running', (look += 1))], 'whole'),
    ])
    await clock.advance(5_000)
    const { probes } = await sampler.stop()
    expect(probes[0]).toMatchObject({
      name: 'broken',
      samples: 0,
      failures: 7,
      lastError: 'connection refused',
    })
    expect(probes[1]).toMatchObject({ samples: 7, failures: 0 })
    expect(said.filter((line) => line === 'probe broken: connection refused')).toHaveLength(1)
    expect(said.at(-1)).toContain('probe broken: 7 failed')
  })

  it('shows in the series that samples were missed', async () => {
    let look = 0
    const sampler = await start([
      probe(1_000, () =>
        (look += 1) % 2 === 1 ? Promise.reject(new Error('away')) : Promise.resolve([]),
      ),
    ])
    await clock.advance(2_500)
    await sampler.stop()
    expect(sampler.latest()['probe.missed{test}']).toBeGreaterThanOrEqual(1)
  })

  it('takes no figure that is no number or whose metric nobody has defined', async () => {
    const sampler = await start([
      probe(1_000, async () => [
        gauge('merges.running', NaN),
        gauge('made.up', 1),
        gauge('buffers.hitRatio', 0.5),
      ]),
    ])
    await clock.advance(500)
    await sampler.stop()
    expect(sampler.latest()).not.toHaveProperty('merges.running')
    expect(sampler.latest()).not.toHaveProperty('made.up')
    expect(sampler.latest()['buffers.hitRatio']).toBe(0.5)
    expect(said.join('\n')).toContain('made.up')
    expect(said.join('\n')).toContain('NaN')
  })

  it('puts each figure in the middle of question and answer, and says how long it took', async () => {
    const sampler = await start([
      probe(1_000, async () => {
        await clock.sleep(80)
        return [gauge('merges.running', 3)]
      }),
    ])
    await clock.advance(1_000)
    const stopping = sampler.stop()
    await clock.advance(100)
    await stopping
    const lines = (await written()).filter((line) => 'merges.running' in line.v).slice(0, 2)
    expect(lines.map((line) => [line.t, line.v['probe.ms{test}']])).toEqual([
      [-310, 80],
      [40, 80],
    ])
  })

  it('takes many probes without a warning of the runtime', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): number => warnings.push(warning)
    process.on('warning', note)
    const sampler = await start(
      Array.from({ length: 30 }, (_, at) => probe(100, async () => [], `probe ${String(at)}`)),
    )
    await clock.advance(1_000)
    await sampler.stop()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('writes lines of others, such as driver windows, and tells every line to whoever listens', async () => {
    const heard: SeriesLine[] = []
    const sampler = await start([], { onLine: (line) => heard.push(line) })
    sampler.record({ t: 1_000, v: { 'rate.acceptedEventsPerS': 499.123_456_789 } })
    expect(sampler.latest()['rate.acceptedEventsPerS']).toBe(499.123)
    await sampler.stop()
    expect(heard).toContainEqual({ t: 1_000, v: { 'rate.acceptedEventsPerS': 499.123 } })
    expect(await written()).toContainEqual({ t: 1_000, v: { 'rate.acceptedEventsPerS': 499.123 } })
  })

  it('lets a look that is under way end before it stops', async () => {
    let looks = 0
    const sampler = await start([
      probe(1_000, async () => {
        await clock.sleep(40)
        looks += 1
        return [gauge('merges.running', looks)]
      }),
    ])
    await clock.advance(360)
    const stopping = sampler.stop()
    await clock.advance(200)
    expect((await stopping).probes[0]).toMatchObject({ samples: 3, failures: 0, skipped: 0 })
    expect(said).toEqual([])
  })

  it('stops once, with a probe that never answers left behind', async () => {
    const sampler = await start([probe(1_000, () => new Promise(() => undefined), 'hung')])
    await clock.advance(3_000)
    const first = await sampler.stop()
    expect(await sampler.stop()).toBe(first)
    expect(first.probes[0]).toMatchObject({ samples: 0, failures: 0 })
  })

  it('ends with the run’s signal and calls nothing a failure that the end cut short', async () => {
    const ending = new AbortController()
    const sampler = await start(
      [
        probe(1_000, async () => {
          await clock.sleep(500, ending.signal)
          return []
        }),
      ],
      { signal: ending.signal },
    )
    await clock.advance(100)
    ending.abort(new Error('over'))
    const { probes } = await sampler.stop()
    expect(probes[0]).toMatchObject({ failures: 0 })
    expect(said).toEqual([])
  })

  it('refuses a file that is there already', async () => {
    await writeFile(join(dir, 'series.ndjson'), 'kept')
    await expect(start([])).rejects.toThrow('EEXIST')
    expect(await readFile(join(dir, 'series.ndjson'), 'utf8')).toBe('kept')
  })

  it('measures what it costs itself', async () => {
    const sampler = await startSampler({
      probes: [probe(10, async () => [gauge('merges.running', 1)])],
      epochMs: performance.timeOrigin + performance.now(),
      file: join(dir, 'series.ndjson'),
      signal: new AbortController().signal,
      log: (line) => said.push(line),
    })
    const until = performance.now() + 200
    while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve))
    const { probeCpuCores, wallS, series } = await sampler.stop()
    // This very test spins, so its process uses a core or what of it the machine gives.
    expect(probeCpuCores).toBeGreaterThan(0.05)
    expect(wallS).toBeGreaterThan(0.19)
    expect(series).toMatchObject({ droppedLines: 0, failure: null })
    expect(series.lines).toBe((await written()).length)
  })
})
