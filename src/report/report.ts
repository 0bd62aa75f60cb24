/**
 * Findings in, pages out. No clock, no chance, no network: the same findings give the same bytes, so a report can be
 * redrawn from its records at any time.
 */
import type { Findings } from '../judge/findings.ts'
import { recordHash } from '../results/canonical.ts'
import { chartsOf } from './charts/charts.ts'
import type { ChartSpec } from './charts/spec.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { renderPage } from './page.ts'
import type { SeriesByRun } from './series.ts'
import { viewStudy } from './study-view.ts'

export interface RenderedReport {
  readonly html: string
  readonly markdown: string
  readonly junitXml: string
  /** What `drawCharts` turns into PNG files. */
  readonly charts: readonly ChartSpec[]
}

export interface ReportOptions {
  /** Where the Markdown links to: the page’s file name, or its address where it is published. */
  readonly pageHref: string
}

/** @param series of each run id, as `readSeries` returns them; a run without series is drawn without its course */
export function renderReport(
  findings: Findings,
  series: SeriesByRun,
  options: ReportOptions,
): RenderedReport {
  const view = viewStudy(findings, series)
  const charts = chartsOf(view)
  const recordSha256 = new Map(findings.runs.map((run) => [run.id, recordHash(run)]))
  return {
    html: renderPage(view, { charts, recordSha256 }),
    markdown: renderMarkdown(view, options),
    junitXml: renderJunit(view),
    charts,
  }
}
