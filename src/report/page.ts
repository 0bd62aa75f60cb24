/** The whole page in one file. In: findings arranged for drawing, and charts. Out: HTML that needs nothing else. */
import { createHash } from 'node:crypto'
import type { ChartSpec } from './charts/spec.ts'
import { jsonForScript } from './escape.ts'
import { inkRules } from './inks.ts'
import { html, Markup, nothing } from './markup.ts'
import { pageFiles } from './page-files.ts'
import { FAINT_INK, NEUTRAL_INK } from './palette.ts'
import { chartsSection } from './sections/charts.ts'
import { comparisonSection } from './sections/comparison.ts'
import { conditionsSection } from './sections/conditions.ts'
import { formulasSection } from './sections/formulas.ts'
import { realServerSection } from './sections/real-server.ts'
import { storesSection } from './sections/stores.ts'
import { limitsSection, triggersSection } from './sections/triggers.ts'
import { verdictSection } from './sections/verdict.ts'
import { utc } from './sections/words.ts'
import type { StudyView } from './study-view.ts'

export interface PageOptions {
  readonly charts: readonly ChartSpec[]
  /** SHA-256 of each record, by run id. */
  readonly recordSha256: ReadonlyMap<string, string>
}

export function renderPage(view: StudyView, options: PageOptions): string {
  const { study } = view.findings
  const css = `${pageFiles.css}\n${inkRules(inksOf(view, options.charts))}`
  const names = study.targets.map((target) => target.name).join(', ')
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policyOf(css)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="description" content="${view.findings.verdict}" />
        <title>${study.scenario.name}: ${names} – Headroom</title>
        ${inline('style', css)} ${inline('script', pageFiles.themeScript)}
      </head>
      <body>
        <a class="skip" href="#verdict">To the verdict</a>
        ${header(view)} ${contents(view)}
        <main>${sections(view, options)}</main>
        ${footer(view)}
        <script type="application/json" id="chart-data">
          ${new Markup(jsonForScript(options.charts))}
        </script>
        ${inline('script', pageFiles.chartJs)} ${inline('script', pageFiles.script)}
      </body>
    </html> `
  return page.text
}

/** Byte for byte what its hash in the policy was made of: no line break may come between the tags. */
function inline(tag: 'style' | 'script', text: string): Markup {
  return new Markup(`<${tag}>${text}</${tag}>`)
}

function sections(view: StudyView, options: PageOptions): readonly Markup[] {
  const evidence = [
    chartsSection(options.charts),
    triggersSection(
      view,
      options.charts.map(({ name }) => name),
    ),
    limitsSection(view),
    formulasSection(view),
    storesSection(view),
    realServerSection(view),
    conditionsSection(view, options),
  ]
  const anchors = new Set(
    evidence.flatMap(({ text }) => [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id ?? '')),
  )
  return [verdictSection(view, anchors), comparisonSection(view, anchors), ...evidence]
}

/** Only what stands in the page may run, and nothing may be fetched: an escaping mistake stays without effect. */
function policyOf(css: string): string {
  const scripts = [pageFiles.themeScript, pageFiles.chartJs, pageFiles.script].map(sourceHash)
  return [
    "default-src 'none'",
    `script-src ${scripts.join(' ')}`,
    `style-src ${sourceHash(css)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function sourceHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

function inksOf(view: StudyView, charts: readonly ChartSpec[]): ReturnType<typeof allInks> {
  return [NEUTRAL_INK, FAINT_INK, ...view.targets.map((target) => target.ink), ...allInks(charts)]
}

function allInks(charts: readonly ChartSpec[]): readonly (typeof NEUTRAL_INK)[] {
  return charts.flatMap((chart) =>
    chart.panels.flatMap((panel) => panel.lines.map((line) => line.ink)),
  )
}

function header({ findings: { study } }: StudyView): Markup {
  return html`<header class="top">
    <span class="brand">Headroom</span>
    <span class="meta">${study.question} · ${utc(study.startedAt)}</span>
    <div class="themes" role="group" aria-label="Colours">
      <button type="button" data-choose="light" aria-pressed="false">Light</button
      ><button type="button" data-choose="system" aria-pressed="true">System</button
      ><button type="button" data-choose="dark" aria-pressed="false">Dark</button>
    </div>
  </header>`
}

function contents(view: StudyView): Markup {
  const links: readonly (readonly [string, string])[] = [
    ['verdict', 'Verdict'],
    ['comparison', 'Comparison'],
    ['charts', 'Evidence'],
    ...(view.targets.some((target) => target.findings.judgements.length > 0)
      ? [['triggers', 'Triggers'] as const]
      : []),
    ...(view.findings.formulas.length > 0 ? [['formulas', 'Formulas'] as const] : []),
    ['integrity', 'Promised and kept'],
    ...(view.findings.realServer.length > 0 ? [['real-server', 'Real server'] as const] : []),
    ['conditions', 'Conditions'],
  ]
  return html`<nav class="contents" aria-label="Contents">
    <ul>
      ${links.map(([id, words]) => html`<li><a href="#${id}">${words}</a></li>`)}
    </ul>
  </nav>`
}

function footer({ findings }: StudyView): Markup {
  const run = findings.runs[0]
  return html`<footer>
    ${run === undefined ? nothing : html`Drawn by Headroom ${run.headroom.version} from the records of study ${findings.study.id}.`}
    The same records give the same page, byte for byte. Rates are events per second; latency runs
    from the moment an event was due.
  </footer>`
}
