import { describe, expect, it } from 'vitest'
import { judgeClaims } from '../../src/judge/claims.ts'
import { claimsReportFiles } from '../../src/report/claims-report.ts'
import { ClaimsRecord } from '../../src/results/claims-record.ts'
import { claimFixture, claimsRecordFixture, recordFixture } from '../fixtures/claims.ts'

const record = claimsRecordFixture(
  [
    claimFixture([{}]),
    claimFixture([{}], { id: 'X2', title: 'A <script>title</script> | with marks' }),
    claimFixture([{ value: 'a.load.none' }], { id: 'X3' }),
  ],
  [recordFixture({ a: [1, 1, 1], b: [2, 2, 2] }, { 'load.plan': '<b>Seq Scan</b>' })],
)

function fileOf(path: string, of = record): string {
  const found = claimsReportFiles(judgeClaims(of)).find((file) => file.path === path)
  return String(found?.content)
}

describe('the report of claims', () => {
  it('is the same, byte for byte, from the same record', () => {
    const again = ClaimsRecord.parse(JSON.parse(JSON.stringify(record)))
    expect(fileOf('index.html', again)).toBe(fileOf('index.html'))
  })

  it('has a card for every claim, linked from the table of verdicts, and lets nothing through', () => {
    const html = fileOf('index.html')
    for (const id of ['x1', 'x2', 'x3']) {
      expect(html).toContain(`href="#claim-${id}"`)
      expect(html).toContain(`id="claim-${id}"`)
    }
    expect(html).not.toContain('<script>title')
    expect(html).not.toContain('<b>Seq Scan')
    expect(html).toContain('&lt;b&gt;Seq Scan')
    expect(html).toContain(record.command)
  })

  it('says in JUnit what was not measured as skipped, and a refuted claim as passed', () => {
    const wrong = { ...record, claims: [claimFixture([{ documented: { atMost: 1 } }])] }
    expect(judgeClaims(wrong).claims[0]?.verdict).toBe('refuted')
    expect(fileOf('junit.xml', wrong)).toContain('tests="1" failures="0" errors="0" skipped="0"')
    const xml = fileOf('junit.xml')
    expect(xml).toContain('tests="3" failures="0" errors="0" skipped="1"')
    expect(xml).toContain('<skipped message="not measured: the server does not tell this figure"/>')
  })

  it('says in JUnit which arm failed', () => {
    const outcome = { state: 'failed', code: '42703', message: 'no column' } as const
    const [first] = record.experiments
    const arms = [{ arm: 'a', round: 1, position: 1, tookS: 1, outcome }]
    const xml = fileOf('junit.xml', { ...record, experiments: [{ ...first!, arms }] })
    expect(xml).toContain('<error message="42703: no column"/>')
  })

  it('is one row of Markdown per claim', () => {
    const lines = fileOf('report.md').split('\n')
    expect(lines[0]).toBe('**Of 3 documented claims: 2 confirmed, 1 not measured.**')
    expect(lines.filter((line) => line.startsWith('| X'))).toHaveLength(3)
    expect(lines.find((line) => line.startsWith('| X2'))).toContain('&lt;script&gt;title')
  })
})
