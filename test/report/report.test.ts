import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { renderReport } from '../../src/report/report.ts'
import { findingsFixture, seriesFixture } from './report-fixture.ts'

describe('the report', () => {
  it('says the same bytes for the same findings', () => {
    const draw = () => {
      const findings = findingsFixture()
      return renderReport(findings, seriesFixture(findings), { pageHref: 'index.html' })
    }
    const first = draw()
    expect(draw()).toEqual(first)
    if (process.env['REPORT_PREVIEW'] !== undefined) {
      mkdirSync('/tmp/preview', { recursive: true })
      writeFileSync('/tmp/preview/index.html', first.html)
      writeFileSync('/tmp/preview/report.md', first.markdown)
      writeFileSync('/tmp/preview/junit.xml', first.junitXml)
      writeFileSync('/tmp/preview/charts.json', JSON.stringify(first.charts))
    }
  })
})
