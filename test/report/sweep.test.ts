import { describe, expect, it } from 'vitest'
import type { Panel } from '../../src/report/charts/spec.ts'
import { renderReport } from '../../src/report/report.ts'
import { sweepFindingsFixture } from '../fixtures/sweep.ts'
import { seriesFixture } from './report-fixture.ts'

interface DrawModule {
  panelConfiguration(panel: Panel, theme: object): { options: { scales: { x: { type: string } } } }
}
const THEME = {
  ...{ dark: false, tooltips: false, compact: false, font: 'Inter' },
  ...{ text: '#111', muted: '#555', grid: '#ddd', ground: '#fff', alarm: '#c00' },
}

const findings = sweepFindingsFixture()
const report = renderReport(findings, seriesFixture(findings), { pageHref: 'index.html' })

describe('the report of a sweep', () => {
  it('shows what varies before it compares, each value with its ratio to the base', () => {
    const { html } = report
    expect(html.indexOf('<section id="sweep"')).toBeGreaterThan(0)
    expect(html.indexOf('<section id="sweep"')).toBeLessThan(
      html.indexOf('<section id="comparison"'),
    )
    const section = /<section id="sweep"[^]*?<\/section>/.exec(html)?.[0] ?? ''
    expect(section.match(/<tr id="point-/g)).toHaveLength(4)
    expect(section).toContain('no difference seen')
    expect(section).toMatch(/† promises something else than its base: survives a process kill/)
    expect(section).toContain('Left out: batches of 1,000,000: beyond a request.')
  })

  it('draws every figure over a numeric axis, on a log scale where values span decades', async () => {
    const chart = report.charts.find(({ name }) => name === 'sweep-batchevents')
    expect(chart?.panels[0]?.x).toMatchObject({ scale: 'log', min: 1, max: 1000 })
    const solid = chart?.panels[0]?.lines.find(({ style }) => style === 'solid')
    expect(solid?.points.map(([x]) => x)).toEqual([1, 10, 100, 1000])
    const [panel] = chart?.panels ?? []
    if (panel === undefined) throw new Error('it has a panel')
    // Plain JavaScript, for the browser: it has no declarations.
    const page = new URL('../../src/report/page/draw.js', import.meta.url).href
    const { panelConfiguration } = (await import(page)) as DrawModule
    expect(panelConfiguration(panel, THEME).options.scales.x.type).toBe('logarithmic')
  })

  it('shows what its file asks for, also where no point knows it', () => {
    const own = sweepFindingsFixture({
      figures: [
        { metric: 'query.seconds{Q1}', of: 'p50', better: 'less' },
        { metric: 'table.deadRows{elsewhere}', of: 'worst', better: 'less' },
      ],
    })
    const { html, markdown, charts } = renderReport(own, new Map(), { pageHref: 'x' })
    const section = /<section id="sweep"[^]*?<\/section>/.exec(html)?.[0] ?? ''
    const headings = [...section.matchAll(/class="sort">([^<]+)</g)].map(([, words]) => words)
    expect(headings.slice(1, 4)).toEqual([
      'query time (Q1, p50)',
      'dead tuples (elsewhere, worst window)',
      'the rate held',
    ])
    expect(section.match(/not measured/g)).toHaveLength(4)
    expect(section).toContain('The first 2 figures are what this sweep asks for')
    expect(markdown).toContain('| point | query time (Q1, p50) | dead tuples')
    expect(markdown).toMatch(/\| pg-direct, batchEvents=1 \| [\d.]+ m?s, base \| not measured \|/)
    expect(charts[0]?.panels[0]?.title).toBe('query time (Q1, p50)')
  })

  it('says that a run made again is in no ratio, where there was one', () => {
    expect(report.html).not.toContain('made again at the end')
    const [row, ...rows] = findings.sweep?.rows ?? []
    if (findings.sweep === null || row === undefined) throw new Error('it is a sweep')
    const sweep = { ...findings.sweep, rows: [{ ...row, unpairedRounds: 1 }, ...rows] }
    const { html } = renderReport({ ...findings, sweep }, new Map(), { pageHref: 'x' })
    expect(html).toContain(
      'A run that was made again at the end of the study counts in its interval and in no ratio',
    )
  })

  it('is one table in a pull request', () => {
    expect(report.markdown).toContain('| point | the rate held |')
    expect(report.markdown).toContain('† promises something else than its base.')
  })

  it('is no part of the report of a comparison', () => {
    const { study, ...rest } = findings
    if (study.kind !== 'sweep') throw new Error('it is a sweep')
    const plain = renderReport({ ...rest, study, sweep: null }, new Map(), { pageHref: 'x' })
    expect(plain.html).not.toContain('id="sweep"')
    expect(plain.charts.some(({ name }) => name.startsWith('sweep'))).toBe(false)
  })
})
