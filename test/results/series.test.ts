import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSeries, seriesLines } from '../../src/results/series.ts'
import type { SeriesLine } from '../../src/results/record.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'headroom-series-'))
})
afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function written(lines: readonly SeriesLine[]): Promise<string> {
  const file = join(dir, 'series.ndjson')
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return file
}

describe('readSeries', () => {
  it('gives each key its points in order, and leaves out keys without one', async () => {
    const file = await written([
      { t: -500, v: { 'wal.bytes': 1 } },
      { t: 500, v: { 'wal.bytes': 2, 'cpu.cores{service}': 0.5 } },
      { t: 1_500, v: { 'wal.bytes': 4 } },
    ])
    const all = await readSeries(file, { maxPoints: 100 })
    expect([...all.keys()]).toEqual(['cpu.cores{service}', 'wal.bytes'])
    expect(all.get('wal.bytes')).toEqual([
      { t: -500, v: 1 },
      { t: 500, v: 2 },
      { t: 1_500, v: 4 },
    ])
    const some = await readSeries(file, { keys: ['wal.bytes', 'parts.active'], maxPoints: 100, fromMs: 0 })
    expect([...some]).toEqual([
      [
        'wal.bytes',
        [
          { t: 500, v: 2 },
          { t: 1_500, v: 4 },
        ],
      ],
    ])
  })

  it('leaves out a last line that a crash cut short, and names any other broken line', async () => {
    const file = await written([{ t: 0, v: { 'wal.bytes': 1 } }])
    await writeFile(file, '{"t":0,"v":{"wal.bytes":1}}\n{"t":1000,"v":{"wal.by', { flag: 'w' })
    expect((await readSeries(file, { maxPoints: 10 })).get('wal.bytes')).toHaveLength(1)
    await writeFile(file, '{"t":0,"v":{"wal.bytes":1}}\nnonsense\n{"t":1,"v":{}}\n')
    await expect(readSeries(file, { maxPoints: 10 })).rejects.toThrow('series.ndjson:2')
    await writeFile(file, '{"t":0,"v":{"wal.bytes":"many"}}\n')
    await expect(readSeries(file, { maxPoints: 10 })).rejects.toThrow('wal.bytes at 0 ms')
  })

  it('says which file is missing', async () => {
    await expect(readSeries(join(dir, 'none.ndjson'), { maxPoints: 10 })).rejects.toMatchObject({
      code: 'RECORD_UNREADABLE',
      message: expect.stringContaining('none.ndjson') as string,
    })
  })

  it('reads a line that is longer than what is read at once', async () => {
    const v = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, at) => [`query.seconds{q${String(at)}}`, at]),
    )
    const file = await written([
      { t: 0, v },
      { t: 1, v: { 'wal.bytes': 3 } },
    ])
    const lines: SeriesLine[] = []
    for await (const line of seriesLines(file)) lines.push(line)
    expect(lines.map((line) => Object.keys(line.v).length)).toEqual([100_000, 1])
  })

  it('thins a day of sixty keys with the peaks kept and memory flat', async () => {
    const keys = Array.from({ length: 60 }, (_, at) => `query.seconds{q${String(at)}}`)
    const file = join(dir, 'day.ndjson')
    const out = createWriteStream(file)
    const seconds = 86_400
    for (let second = 0; second < seconds; second += 1) {
      const peak = second === 54_321 ? 9_999 : 0
      const values = keys.map((key, at) => `"${key}":${String(((second * (at + 1)) % 997) + peak)}`)
      if (!out.write(`{"t":${String(second * 1_000)},"v":{${values.join(',')}}}\n`)) {
        await once(out, 'drain')
      }
    }
    out.end()
    await once(out, 'finish')

    const before = process.memoryUsage().rss
    const series = await readSeries(file, { maxPoints: 500 })
    const grewBytes = process.memoryUsage().rss - before
    expect(series.size).toBe(60)
    for (const points of series.values()) {
      expect(points.length).toBeLessThanOrEqual(500)
      expect(points.length).toBeGreaterThan(100)
      expect(points.some((point) => point.t === 54_321_000)).toBe(true)
      expect(points[0]?.t).toBe(0)
      expect(points.at(-1)?.t).toBe(86_399_000)
    }
    expect(grewBytes).toBeLessThan(200 * 2 ** 20)
  })
})
