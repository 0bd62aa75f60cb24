/** The whole page in one file. In: findings arranged for drawing, and charts. Out: HTML that needs nothing else. */
import type { ChartSpec } from './charts/spec.ts'
import { inkRules } from './inks.ts'
import type { Markup } from './markup.ts'
import { html, nothing } from './markup.ts'
import { framedPage } from './page-frame.ts'
import { FAINT_INK, NEUTRAL_INK } from './palette.ts'
import { chartsSection } from './sections/charts.ts'
import { comparisonSection } from './sections/comparison.ts'
import { conditionsSection } from './sections/conditions.ts'
import { formulasSection } from './sections/formulas.ts'
import { faultsSection } from './sections/faults.ts'
import { realServerSection } from './sections/real-server.ts'
import { statementsSection } from './sections/statements.ts'
import { storesSection } from './sections/stores.ts'
import { hasWaits, waitsSection } from './sections/waits.ts'
import { limitsSection, triggersSection } from './sections/triggers.ts'
import { sweepSection } from './sections/sweep.ts'
import { verdictSection } from './sections/verdict.ts'
import { utc } from './sections/words.ts'
import type { StudyView } from './study-view.ts'

export interface PageOptions {
  readonly charts: readonly ChartSpec[]
  /** SHA-256 of each record, by run id. */
  readonly recordSha256: ReadonlyMap<string, string>
}

export function renderPage(view: StudyView, options: PageOptions): string {
  const { study, verdict } = view.findings
  const names = study.targets.map((target) => target.name).join(', ')
  return framedPage({
    title: `${study.scenario.name}: ${names}`,
    description: verdict,
    meta: `${study.question} · ${utc(study.startedAt)}`,
    css: inkRules(inksOf(view, options.charts)),
    links: linksOf(view),
    main: sections(view, options),
    foot: footer(view),
    charts: options.charts,
  })
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
    statementsSection(view),
    waitsSection(view),
    faultsSection(view),
    storesSection(view),
    realServerSection(view),
    conditionsSection(view, options),
  ]
  const anchors = new Set(
    evidence.flatMap(({ text }) => [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id ?? '')),
  )
  return [
    verdictSection(view, anchors),
    sweepSection(view),
    comparisonSection(view, anchors),
    ...evidence,
  ]
}

function inksOf(view: StudyView, charts: readonly ChartSpec[]): ReturnType<typeof allInks> {
  return [NEUTRAL_INK, FAINT_INK, ...view.targets.map((target) => target.ink), ...allInks(charts)]
}

function allInks(charts: readonly ChartSpec[]): readonly (typeof NEUTRAL_INK)[] {
  return charts.flatMap((chart) =>
    chart.panels.flatMap((panel) => panel.lines.map((line) => line.ink)),
  )
}

function linksOf(view: StudyView): readonly (readonly [string, string])[] {
  return [
    ['verdict', 'Verdict'],
    ...(view.findings.sweep === null ? [] : [['sweep', 'What varies'] as const]),
    ['comparison', 'Comparison'],
    ['charts', 'Evidence'],
    ...(view.targets.some((target) => target.findings.judgements.length > 0)
      ? [['triggers', 'Triggers'] as const]
      : []),
    ...(view.findings.formulas.length > 0 ? [['formulas', 'Formulas'] as const] : []),
    ...(view.targets.some((target) => target.findings.faults.length > 0)
      ? [['faults', 'Faults'] as const]
      : []),
    ...(view.targets.some(({ shown }) => shown?.measured.statements !== undefined)
      ? [['statements', 'Statements'] as const]
      : []),
    ...(hasWaits(view) ? [['waits', 'Waits'] as const] : []),
    ['integrity', 'Promised and kept'],
    ...(view.findings.realServer.length > 0 ? [['real-server', 'Real server'] as const] : []),
    ['conditions', 'Conditions'],
  ]
}

function footer({ findings }: StudyView): Markup {
  const run = findings.runs[0]
  return html`<footer>
    ${run === undefined ? nothing : html`Drawn by Headroom ${run.headroom.version} from the records of study ${findings.study.id}.`}
    The same records give the same page, byte for byte. Rates are events per second; latency runs
    from the moment an event was due.
  </footer>`
}
