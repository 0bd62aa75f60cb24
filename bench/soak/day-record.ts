/**
 * A study of four targets over 24 hours, one sample a second, as a run would have left it on disk. In: a folder. Out:
 * the study's folder, and where in it one second's peak hides that no thinning may lose.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { RunRecord } from '../../src/results/record.ts'
import { createStudyDir, writeRunRecord, writeStudyRecord } from '../../src/results/store.ts'
import { studyFixture } from '../../test/fixtures/study.ts'
import { findingsFixture, seriesFixture } from '../../test/report/report-fixture.ts'

const DAY = { ratesPerS: [400, 800], stepS: 43_200, rounds: 1 }
/** A latency no other second has, in µs, with as many digits as a page keeps. */
const PEAK = { key: 'latency.p99Us', value: 12_340_000, atMs: 54_321_000 }
const LINES_TOGETHER = 1_000

export interface DayRecord {
  readonly studyDir: string
  readonly runs: number
  /** Lines in the series of all runs together. */
  readonly samples: number
  readonly seriesBytes: number
  readonly peak: { readonly value: number; readonly atS: number }
}

export async function writeDayRecord(baseDir: string, signal: AbortSignal): Promise<DayRecord> {
  const { study } = studyFixture(DAY)
  const findings = findingsFixture(DAY)
  const studyDir = await createStudyDir(baseDir, study.scenario.name, new Date(study.startedAt))
  let samples = 0
  let seriesBytes = 0
  for (const run of findings.runs) {
    signal.throwIfAborted()
    const runDir = join(studyDir, run.id)
    await mkdir(runDir)
    const lines = seriesLinesOf(run, seriesFixture({ ...findings, runs: [run] }))
    samples += lines.length
    seriesBytes += await writeLines(join(runDir, run.seriesFile ?? 'series.ndjson'), lines)
    await writeRunRecord(runDir, run)
  }
  await writeStudyRecord(studyDir, study)
  const peak = { value: PEAK.value, atS: PEAK.atMs / 1_000 }
  return { studyDir, runs: findings.runs.length, samples, seriesBytes, peak }
}

interface Line {
  readonly t: number
  readonly v: Record<string, number>
}

/** From points by key to one line a second, as the sampler writes them. */
function seriesLinesOf(run: RunRecord, series: ReturnType<typeof seriesFixture>): readonly Line[] {
  const byTime = new Map<number, Record<string, number>>()
  for (const [key, points] of series.get(run.id) ?? []) {
    for (const { t, v } of points) {
      const values = byTime.get(t) ?? {}
      values[key] = v
      byTime.set(t, values)
    }
  }
  const lines = [...byTime].sort(([a], [b]) => a - b).map(([t, v]): Line => ({ t, v }))
  const peak = lines.find(({ t }) => t >= PEAK.atMs)
  if (peak !== undefined) peak.v[PEAK.key] = PEAK.value
  return lines
}

async function writeLines(file: string, lines: readonly Line[]): Promise<number> {
  const output = createWriteStream(file, { flags: 'wx' })
  let bytes = 0
  for (let from = 0; from < lines.length; from += LINES_TOGETHER) {
    const texts = lines.slice(from, from + LINES_TOGETHER).map((line) => JSON.stringify(line))
    const text = `${texts.join('\n')}\n`
    bytes += text.length
    if (!output.write(text)) await once(output, 'drain')
  }
  output.end()
  await finished(output)
  return bytes
}
