/** Claims as a table for a pull request or a page of docs/: claim, source, measured, verdict. */
import type { ClaimFinding, ClaimsFindings, MeasureFinding } from '../judge/claims.ts'
import { boundsWords } from '../judge/claims.ts'
import { formatInterval } from '../kit/units.ts'
import { escapeMarkdown } from './escape.ts'

export function renderClaimsMarkdown(findings: ClaimsFindings, pageHref: string): string {
  const { record, verdict, caveats } = findings
  const blocks = [
    `**${escapeMarkdown(verdict)}**`,
    claimsTable(findings),
    caveats.map((caveat) => `- ${escapeMarkdown(caveat)}`).join('\n'),
    `[The whole report](<${pageHref}>) · study ${escapeMarkdown(record.id)}`,
  ]
  return `${blocks.join('\n\n')}\n`
}

export function claimsTable({ claims }: ClaimsFindings): string {
  const rows = claims.map((finding) => {
    const { claim, verdict } = finding
    const claimed = `${claim.title}: “${claim.source.quote}” (${claim.source.document})`
    const cells = [claim.id, claimed, measuredWords(finding), verdict, claim.reading.trim()]
    return `| ${cells.map(escapeMarkdown).join(' | ')} |`
  })
  return [
    '| id | claimed | measured | verdict | so |',
    '| :-- | :-- | :-- | :-- | :-- |',
    ...rows,
  ].join('\n')
}

function measuredWords({ measures, because, verdict }: ClaimFinding): string {
  if (verdict === 'not measured') return because
  return measures.map(oneMeasure).join('; ')
}

function oneMeasure(measure: MeasureFinding): string {
  if (measure.state === 'not measured') return `${measure.says}: not measured, ${measure.because}`
  const bounds = boundsWords(measure)
  const value = formatInterval(measure.interval, measure.unit)
  return `${measure.says} ${value}${bounds === null ? '' : ` (documented ${bounds})`}`
}
