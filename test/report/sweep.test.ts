import { describe, expect, it } from 'vitest'
import { renderReport } from '../../src/report/report.ts'
import { sweepFindingsFixture } from '../fixtures/sweep.ts'
import { seriesFixture } from './report-fixture.ts'

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

  it('draws every figure over a numeric axis, on a log scale where values span decades', () => {
    const chart = report.charts.find(({ name }) => name === 'sweep-batchevents')
    expect(chart?.panels[0]?.x).toMatchObject({ scale: 'log', min: 1, max: 1000 })
    const solid = chart?.panels[0]?.lines.find(({ style }) => style === 'solid')
    expect(solid?.points.map(([x]) => x)).toEqual([1, 10, 100, 1000])
  })

  it('marks where indexes outgrow shared_buffers, over the rows of the table only', () => {
    const { study } = findings
    if (study.kind !== 'sweep' || findings.sweep === null) throw new Error('it is a sweep')
    const [axis] = findings.sweep.axes
    if (axis === undefined) throw new Error('it has an axis')
    // About two million rows of some 270 index bytes fill 512 MB.
    const rows = findings.sweep.rows.map((row, at) => ({ ...row, numbers: [10 ** (5 + at)] }))
    const aged = { ...findings.sweep, axes: [{ ...axis, path: 'scenario.initialRows' }], rows }
    const { charts } = renderReport({ ...findings, sweep: aged }, new Map(), { pageHref: 'x' })
    const mark = charts.find(({ name }) => name === 'sweep-batchevents')?.panels[0]?.marks[0]
    expect(mark?.label).toMatch(/^indexes outgrow shared_buffers \(/)
    expect(mark?.at).toBeGreaterThan(1e5)
    const plain = report.charts.find(({ name }) => name === 'sweep-batchevents')
    expect(plain?.panels[0]?.marks).toEqual([])
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
