/** Reads series.ndjson back. In: a file of any length. Out: per key few points, with every peak and valley kept. */
import { createReadStream } from 'node:fs'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { SeriesLine } from './record.ts'
import { Thinner } from './thin.ts'
import type { Point } from './thin.ts'

export interface ReadSeriesOptions {
  /** Metric keys (`wal.bytesPerS`, `cpu.cores{service}`); absent: every key that occurs. */
  readonly keys?: readonly string[]
  /** Most points kept per key. */
  readonly maxPoints: number
  /** Only points of this stretch, ms since the epoch. */
  readonly fromMs?: number
  readonly toMs?: number
}

/**
 * Streams the file once; memory depends on keys × maxPoints, not on its length. A key without a point is absent.
 * @throws HeadroomError RECORD_UNREADABLE naming file and line
 */
export async function readSeries(
  file: string,
  options: ReadSeriesOptions,
): Promise<ReadonlyMap<string, readonly Point[]>> {
  const { maxPoints, fromMs = -Infinity, toMs = Infinity } = options
  const wanted = options.keys === undefined ? null : new Set(options.keys)
  const thinners = new Map<string, Thinner>()
  for await (const { t, v } of seriesLines(file)) {
    if (t < fromMs || t > toMs) continue
    for (const key in v) {
      if (wanted?.has(key) === false) continue
      const value = v[key]
      if (typeof value !== 'number') throw notANumber(file, key, t)
      let thinner = thinners.get(key)
      if (thinner === undefined) thinners.set(key, (thinner = new Thinner(maxPoints)))
      thinner.add({ t, v: value })
    }
  }
  const keys = [...thinners.keys()].sort()
  return new Map(keys.map((key) => [key, thinners.get(key)?.points() ?? []]))
}

/** Every line of a series file in order. A last line cut short by a crash is left out; any other is an error. */
export async function* seriesLines(file: string): AsyncGenerator<SeriesLine> {
  let lineNumber = 0
  let rest = ''
  const stream = createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const text = rest + chunk
      let from = 0
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        lineNumber += 1
        if (end > from) yield parseLine(text.slice(from, end), file, lineNumber)
        from = end + 1
      }
      rest = text.slice(from)
    }
  } catch (error) {
    if (error instanceof HeadroomError) throw error
    throw new HeadroomError('RECORD_UNREADABLE', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function parseLine(text: string, file: string, lineNumber: number): SeriesLine {
  try {
    const parsed: unknown = JSON.parse(text)
    if (isSeriesLine(parsed)) return parsed
  } catch {
    // Said below, with file and line, as any other line that is not one.
  }
  throw new HeadroomError(
    'RECORD_UNREADABLE',
    `${file}:${lineNumber} is not a line of a series: {"t": ms, "v": {metric: number}}`,
  )
}

function notANumber(file: string, key: string, t: number): HeadroomError {
  return new HeadroomError('RECORD_UNREADABLE', `${file}: ${key} at ${t} ms is not a number`)
}

function isSeriesLine(value: unknown): value is SeriesLine {
  if (typeof value !== 'object' || value === null || !('t' in value) || !('v' in value)) return false
  return typeof value.t === 'number' && typeof value.v === 'object' && value.v !== null
}
