import { describe, expect, it } from 'vitest'
import { renderReport } from '../../src/report/report.ts'
import { findingsFixture, seriesFixture } from './report-fixture.ts'

function markdownOf(
  pageHref = 'index.html',
  options: Parameters<typeof findingsFixture>[0] = {},
): string {
  const findings = findingsFixture(options)
  return renderReport(findings, seriesFixture(findings), { pageHref }).markdown
}

describe('the report in Markdown', () => {
  const lines = markdownOf().split('\n')

  it('begins with the verdict and fits on one screen', () => {
    expect(lines[0]).toMatch(/^\*\*pg-batch is enough for 400 events\/s/)
    const shown = markdownOf().replace(/<details>[^]*?<\/details>/, '<summary/>')
    expect(shown.split('\n').length).toBeLessThanOrEqual(25)
  })

  it('has a table with one row for each target and as many cells in each row', () => {
    const rows = lines.filter((line) => line.startsWith('|'))
    expect(rows).toHaveLength(2 + 4)
    const cells = rows.map((row) => row.replace(/\\\|/g, '').split('|').length)
    expect(new Set(cells).size).toBe(1)
  })

  it('says of each target what every trigger does, and links to the page', () => {
    const said = lines.filter((line) => line.startsWith('- **'))
    expect(said).toHaveLength(4)
    for (const line of said) expect(line).toMatch(/E1 .* E2 .* E3 .* E5 /)
    expect(markdownOf('https://ci.example/a b>c/index.html')).toContain(
      '[The whole report](<https://ci.example/a b%3Ec/index.html>)',
    )
  })

  it('says of each target that was broken how it came back, and the page what the fault was about', () => {
    const findings = findingsFixture()
    const [first, ...others] = findings.targets
    const looks = { before: 1e6, highest: 9e6, last: 1e6, noticedMs: 900, backMs: 2_000 }
    const seen = {
      ...({ name: 'a stall', kind: 'pause', on: 'database', fromMs: 5_000, toMs: 8_000 } as const),
      ...{ failed: null, noticedMs: null, drainedMs: 0, wholeMs: 2_000, notAcceptedEvents: 0 },
      ...{ worstP99Us: 9, backlogEventsMax: 3, moved: [] },
      calm: { p99Us: 8, backlogEventsMax: 3 },
      symptom: { metric: 'slot.lagBytes', ...looks },
    }
    const faults = [{ round: 1, seen, lost: null }]
    const targets = [{ ...first!, faults, sentence: 'one met a stall' }, ...others]
    const { markdown, html } = renderReport({ ...findings, targets }, new Map(), {
      pageHref: 'index.html',
    })
    expect(markdown).toContain('\n- one met a stall\n')
    expect(html).toContain('slot.lagBytes rose from 1 MB to 9 MB, seen after 900 ms')
  })

  it('keeps a hostile name inside its cell', () => {
    const findings = findingsFixture()
    const [first, ...others] = findings.targets
    const hostile = '| <img src=x onerror=alert(1)> [x](javascript:1)\n# @team'
    const targets = [{ ...first!, sentence: hostile, ack: hostile, durability: hostile }, ...others]
    const { markdown } = renderReport({ ...findings, targets, verdict: hostile }, new Map(), {
      pageHref: 'index.html',
    })
    expect(markdown).not.toMatch(/<img|^# |@team|[^\\]\[x\]\(/m)
    const rows = markdown.split('\n').filter((line) => line.startsWith('| **'))
    expect(rows).toHaveLength(4)
  })
})
