/** Claims as a table for a pull request or a page of docs/: claim, source, measured, verdict. */
import type { ClaimFinding, ClaimsFindings, MeasureFinding } from '../judge/claims.ts'
import { boundsWords, doubtWords } from '../judge/claims.ts'
import { formatInterval, formatQuantity } from '../kit/units.ts'
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

function claimsTable({ claims }: ClaimsFindings): string {
  const rows = claims.map((finding) => {
    const { claim, verdict, reading } = finding
    const claimed = `${claim.title}: “${claim.source.quote}” (${claim.source.document})`
    const cells = [claim.id, claimed, measuredWords(finding), verdict, reading]
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
  const without = doubtWords(measure)
  return `${measure.says} ${value}${bounds === null ? '' : ` (documented ${bounds})`}${without}`
}

const BEGIN = '<!-- verdicts: written by npm run claims -->'
const END = '<!-- end of verdicts -->'

/** docs/claims.md with the verdicts of a record between its marks. @throws Error where it has no marks */
export function claimsPageText(page: string, findings: ClaimsFindings): string {
  const [head, rest] = page.split(BEGIN)
  const tail = rest?.split(END)[1]
  if (head === undefined || tail === undefined)
    throw new Error('the page has no place for verdicts')
  return `${head}${BEGIN}\n\n${verdictsBlock(findings)}\n\n${END}${tail}`
}

function verdictsBlock(findings: ClaimsFindings): string {
  const { record, verdict, caveats } = findings
  const { machine, headroom } = record
  const where = `${machine.cpu}, ${String(machine.cores)} cores, ${machine.os}, commit ${headroom.commit}`
  return [
    `${escapeMarkdown(verdict)} Scale ${record.scale}, ${record.startedAt.slice(0, 10)}, ${escapeMarkdown(where)}.`,
    claimsTable(findings),
    ...caveats.map((caveat) => `- ${escapeMarkdown(caveat)}`),
    differencesBlock(findings),
  ].join('\n\n')
}

/** Where a counter is not what was seen before, and why. */
function differencesBlock({ claims }: ClaimsFindings): string {
  const lines = claims.flatMap(({ claim, measures }) =>
    measures.flatMap((measure) => {
      if (measure.state === 'not measured' || measure.seen === null || measure.seen.agrees)
        return []
      const { value, where, differs } = measure.seen
      const measured = formatInterval(measure.interval, measure.unit)
      const before = formatQuantity(value, measure.unit)
      return [
        `- ${claim.id}, ${measure.says}: ${measured} here, ${before} before (${where}): ${differs ?? 'not explained'}`,
      ]
    }),
  )
  if (lines.length === 0) return 'Every figure that was seen before agrees with it.'
  return ['Figures that differ from what was seen before:', '', ...lines.map(listed)].join('\n')
}

function listed(line: string): string {
  return `- ${escapeMarkdown(line.slice(2))}`
}
