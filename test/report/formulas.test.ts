import { expect, it } from 'vitest'
import type { FormulaFinding } from '../../src/judge/formulas/finding.ts'
import { formulasSection } from '../../src/report/sections/formulas.ts'
import { viewStudy } from '../../src/report/study-view.ts'
import { findingsFixture } from './report-fixture.ts'

const WAL: FormulaFinding = {
  id: 'F2',
  title: 'WAL per event',
  target: 'outbox',
  documented: 'row × 1.2 per INSERT',
  inputs: 'outbox: rows, 1 inserted per event',
  unit: 'bytes',
  predicted: null,
  measured: 1_300,
  verdict: 'not-tested',
  because: 'nothing is predicted',
}

function cells(finding: FormulaFinding): readonly (string | undefined)[] {
  const findings = { ...findingsFixture(), formulas: [finding] }
  const { text } = formulasSection(viewStudy(findings, new Map()))
  return [...text.matchAll(/<td[^>]*>([^<]*)<\/td>/g)].map(([, cell]) => cell)
}

it('shows a dash where a formula predicts nothing, and the figure where it predicts none', () => {
  expect(cells(WAL)).toContain('–')
  expect(cells(WAL)).toContain('1.3 kB')
  expect(cells({ ...WAL, predicted: 0 })).toContain('0 B')
  expect(cells({ ...WAL, predicted: 0 })).not.toContain('–')
})
