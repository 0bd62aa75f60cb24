import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { drawCharts } from '../../src/report/draw.ts'
import { renderReport } from '../../src/report/report.ts'
import { findingsFixture, seriesFixture } from './report-fixture.ts'

describe('the PNG charts', () => {
  it('has one picture for each chart of the page', async () => {
    const findings = findingsFixture()
    const { charts } = renderReport(findings, seriesFixture(findings), { pageHref: 'index.html' })
    const drawn = await drawCharts(charts)
    expect(drawn.map(({ name }) => name)).toEqual(charts.map(({ name }) => name))
    if (process.env['REPORT_PREVIEW'] !== undefined) {
      mkdirSync('/tmp/preview', { recursive: true })
      for (const { name, png } of drawn) writeFileSync(`/tmp/preview/chart-${name}.png`, png)
    }
  })
})
