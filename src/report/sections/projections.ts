/** What is derived from acknowledged events, against what they say it must show: a row per round. */
import { roundName } from '../../results/made-again.ts'
import type { ProjectionAudit } from '../../results/audit-record.ts'
import { formatCount } from '../../kit/units.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { auditBadge, idsShown } from './audit-cells.ts'
import { factTable } from './table.ts'

const HEADINGS = [
  'target',
  'round',
  'projection',
  'verdict',
  '#keys due',
  '#shown',
  '#missing',
  '#behind',
  '#wrong',
  '#foreign',
  'because',
]

export function projectionsTable(view: StudyView): Markup {
  const rows = view.targets.flatMap(rowsOf)
  if (rows.length === 0) return nothing
  return html`<h3 id="projections">Projections</h3>
    <p class="lead">
      Made anew by the harness from what was acknowledged, the latest write of each key, and
      compared with what is shown, key by key.
    </p>
    ${factTable({ label: 'Projections', headings: HEADINGS, rows })}`
}

const COUNTS = [
  'dueKeys',
  'shownKeys',
  'missingKeys',
  'behindKeys',
  'wrongKeys',
  'foreignKeys',
] as const

function rowsOf({ name, runs }: TargetView): readonly (readonly Insertable[])[] {
  return runs.flatMap((run) => {
    const { outcome } = run
    const audits = outcome.state === 'failed' ? [] : (outcome.audit?.projections ?? [])
    return audits.map((audit): readonly Insertable[] => [
      name,
      roundName(run),
      audit.projection,
      auditBadge(audit.verdict),
      // Of one that never caught up nothing was compared.
      ...COUNTS.map((count) => (audit.compared === false ? '–' : formatCount(audit[count]))),
      html`${audit.because}${halfSaid(audit)}${idsShown(audit.mismatches)}`,
    ])
  })
}

function halfSaid({ halfKeys = 0 }: ProjectionAudit): Markup {
  if (halfKeys === 0) return nothing
  return html`<br /><small
      >Of ${formatCount(halfKeys)} keys a write that nobody answered is here and not in the store
      beside it, or there and not here</small
    >`
}
