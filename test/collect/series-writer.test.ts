import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SeriesWriter } from '../../src/collect/series-writer.ts'
import { seriesLines } from '../../src/results/series.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'headroom-writer-'))
})
afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

describe('the series writer', () => {
  it('writes every line whole and in order', async () => {
    const file = join(dir, 'series.ndjson')
    const writer = await SeriesWriter.create(file, () => undefined)
    for (let t = 0; t < 5_000; t += 1) {
      writer.write({ t, v: { 'wal.bytes': t * 8_192, 'cpu.cores{service}': 0.5 } })
      if (t % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await writer.close()).toEqual({ lines: 5_000, droppedLines: 0, failure: null })
    const times: number[] = []
    for await (const line of seriesLines(file)) times.push(line.t)
    expect(times).toEqual(Array.from({ length: 5_000 }, (_, t) => t))
  })

  it('drops and counts what a disk does not take, instead of filling memory', async () => {
    const said: string[] = []
    const writer = await SeriesWriter.create(join(dir, 'series.ndjson'), (line) => said.push(line))
    // No turn is given to the writes: as with a disk that hangs.
    const v = { 'query.seconds{a}': 1, 'query.seconds{b}': 2, 'query.seconds{c}': 3 }
    const lines = 100_000
    for (let t = 0; t < lines; t += 1) writer.write({ t, v })
    const written = await writer.close()
    expect(written.droppedLines).toBeGreaterThan(0)
    expect(written.lines + written.droppedLines).toBe(lines)
    expect(said).toEqual(['series: lines are dropped, the disk does not take them'])
  })

  it.skipIf(process.platform !== 'linux')(
    'says why a series ends early on a full disk',
    async () => {
      const said: string[] = []
      // Every write to /dev/full fails with ENOSPC, as on a disk without room.
      const writer = await SeriesWriter.open('/dev/full', (line) => said.push(line))
      writer.write({ t: 0, v: { 'wal.bytes': 1 } })
      const written = await writer.close()
      expect(written).toMatchObject({ lines: 0, droppedLines: 1 })
      expect(written.failure).toContain('ENOSPC')
      expect(said[0]).toContain('ENOSPC')
    },
  )
})
