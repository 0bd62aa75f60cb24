/** Cells that tables of audits share: a verdict, and the first ids of a list. */
import type { StoreAudit } from '../../results/audit-record.ts'
import { html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import { badge } from './verdict.ts'
import type { Tone } from './words.ts'

const AUDIT_TONES: Readonly<Record<StoreAudit['verdict'], Tone>> = {
  whole: 'good',
  'as-promised': 'warning',
  broken: 'bad',
}

export function auditBadge(verdict: StoreAudit['verdict']): Markup {
  return badge({
    tone: AUDIT_TONES[verdict],
    words: verdict.replace('-', ' '),
    evidence: null,
    detail: '',
  })
}

/** Enough to look one up in the store; the record has the list up to its own limit. */
const IDS_SHOWN = 5

export function idsShown(ids: readonly string[]): Markup {
  if (ids.length === 0) return nothing
  const shown = ids.slice(0, IDS_SHOWN).map((id) => html`<code>${id}</code> `)
  const more = ids.length - shown.length
  return html`<br /><small>${shown}${more > 0 && html`and ${more} more in the record`}</small>`
}
