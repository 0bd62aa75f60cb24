/**
 * Records -> findings -> files. In: a study on disk and the triggers. Out: the report's folder filled and what was found.
 * The same records give the same bytes.
 */
import { dirname, join } from 'node:path'
import { judgeStudy } from '../judge/judge.ts'
import { isSameTraffic } from '../judge/real-server.ts'
import type { Trigger } from '../judge/trigger.ts'
import { PAGE_FILE, reportFiles } from '../report/files.ts'
import { renderReport } from '../report/report.ts'
import type { SeriesByRun } from '../report/series.ts'
import type { RunRecord } from '../results/record.ts'
import { writeReportFiles } from '../results/report-files.ts'
import { readSeries } from '../results/series.ts'
import type { StoredStudy } from '../results/store.ts'
import { listStudies, readStudy } from '../results/store.ts'
import type { Conclusion } from './tell-conclusion.ts'

/** As many points per line as a chart can ever show; the report thins further. */
const POINTS_PER_KEY_MAX = 2_000

export interface ConcludeOptions {
  readonly triggers: readonly Trigger[]
  /** Folder of the report; made if it is missing. */
  readonly reportDir: string
}

/** @throws HeadroomError UNKNOWN_RUN, RECORD_UNREADABLE; file errors of the report folder */
export async function concludeStudy(
  studyDir: string,
  { triggers, reportDir }: ConcludeOptions,
): Promise<Conclusion> {
  const stored = await readStudy(studyDir)
  const findings = judgeStudy({
    study: stored.study,
    runs: stored.runs.map(({ record }) => record),
    triggers,
    others: await othersOf(stored),
  })
  const series = await seriesOf(stored)
  const rendered = renderReport(findings, series, { pageHref: PAGE_FILE })
  await writeReportFiles(reportDir, await reportFiles(rendered))
  return { findings, studyDir: stored.dir, reportFile: join(reportDir, PAGE_FILE) }
}

/** Runs of the same scenario in the studies beside this one: on a real server they confirm what clickhouse-local showed. */
async function othersOf({ dir, study }: StoredStudy): Promise<readonly RunRecord[]> {
  const beside = await listStudies(dirname(dirname(dir)))
  const same = beside.filter(
    (entry) =>
      entry.dir !== dir &&
      entry.study !== null &&
      isSameTraffic(entry.study.scenario, study.scenario),
  )
  const others: RunRecord[] = []
  for (const { dir: other } of same) {
    // A study that cannot be read any more confirms nothing, and must not keep this one from being drawn.
    const stored = await readStudy(other).catch(() => null)
    others.push(...(stored?.runs ?? []).map(({ record }) => record))
  }
  return others
}

async function seriesOf({ runs }: StoredStudy): Promise<SeriesByRun> {
  const series = new Map<string, Awaited<ReturnType<typeof readSeries>>>()
  for (const { record, seriesFile } of runs) {
    if (seriesFile === null) continue
    series.set(record.id, await readSeries(seriesFile, { maxPoints: POINTS_PER_KEY_MAX }))
  }
  return series
}
