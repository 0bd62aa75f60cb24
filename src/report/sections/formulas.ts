/** The documents' capacity formulas: what each predicts for these runs, what they showed, and whether it held. */
import type { FormulaFinding } from '../../judge/formulas/finding.ts'
import { formatQuantity } from '../../kit/units.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import type { StudyView } from '../study-view.ts'
import { factTable } from './table.ts'
import { badge } from './verdict.ts'
import type { Tone } from './words.ts'

const VERDICTS: Readonly<
  Record<FormulaFinding['verdict'], { readonly tone: Tone; readonly words: string }>
> = {
  held: { tone: 'good', words: 'held' },
  'did-not-hold': { tone: 'warning', words: 'did not hold' },
  'not-tested': { tone: 'plain', words: 'not tested' },
}

export function formulasSection({ findings }: StudyView): Markup {
  const byFormula = new Map<string, FormulaFinding[]>()
  for (const finding of findings.formulas) {
    byFormula.set(finding.id, [...(byFormula.get(finding.id) ?? []), finding])
  }
  if (byFormula.size === 0) return nothing
  return html`<section id="formulas" aria-labelledby="formulas-title">
    <h2 id="formulas-title">Formulas</h2>
    <p class="lead">
      Capacity formulas of the documents with the inputs of these runs, beside what was measured.
      One held where it came within a quarter of the measured figure, or within the bound it names.
    </p>
    ${[...byFormula.values()].map(formula)}
  </section>`
}

function formula(findings: readonly FormulaFinding[]): Markup {
  const [first] = findings
  if (first === undefined) return nothing
  const rows = findings.map((finding): readonly Insertable[] => [
    finding.target,
    finding.inputs,
    orDash(finding.predicted, finding.unit),
    orDash(finding.measured, finding.unit),
    badge({ ...VERDICTS[finding.verdict], evidence: null, detail: '' }),
    finding.because,
  ])
  const headings = ['target', 'inputs', '#predicted', '#measured', 'verdict', 'because']
  return html`<h3 id="formula-${first.id.toLowerCase()}">
      <span class="id">${first.id}</span> ${first.title}
    </h3>
    <p class="rule">Documented: ${first.documented}.</p>
    ${factTable({ label: first.title, headings, rows })}`
}

function orDash(value: number | null, unit: string): string {
  return value === null ? '–' : formatQuantity(value, unit)
}
