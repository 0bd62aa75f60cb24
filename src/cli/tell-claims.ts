/** The last words of `headroom claims`. In: what was concluded. Out: a block per claim for people, or one JSON object. */
import type { ClaimFinding, ClaimsFindings, ClaimVerdict } from '../judge/claims.ts'
import { measureWords } from '../judge/claims.ts'
import { shownPath } from '../kit/yaml-door.ts'
import type { Style, Terminal } from './terminal.ts'

export interface ClaimsConclusion {
  readonly findings: ClaimsFindings
  readonly studyDir: string
  readonly reportFile: string
}

const STYLES: Readonly<Record<ClaimVerdict, Style>> = {
  confirmed: 'green',
  qualified: 'yellow',
  refuted: 'red',
  'not measured': 'dim',
}

export function tellClaims(
  { findings, studyDir, reportFile }: ClaimsConclusion,
  options: { readonly terminal: Terminal; readonly json: boolean; readonly exitCode: number },
): void {
  const { terminal, json, exitCode } = options
  const { record, claims, verdict, caveats } = findings
  if (json) {
    const told = claims.map(({ claim, ...finding }) => ({
      ...{ id: claim.id, title: claim.title, source: claim.source, conditions: claim.conditions },
      ...finding,
    }))
    const about = { study: record.id, exitCode, verdict, scale: record.scale, caveats }
    const places = { results: studyDir, report: reportFile }
    terminal.data(JSON.stringify({ ...about, claims: told, ...places }, null, 2))
    return
  }
  terminal.data('')
  for (const claim of claims) for (const line of linesOf(claim, terminal)) terminal.data(line)
  terminal.data(terminal.paint('bold', verdict))
  for (const caveat of caveats) terminal.data(terminal.paint('dim', `note      ${caveat}`))
  terminal.data(`results   ${shownPath(studyDir)}`)
  terminal.data(`report    ${shownPath(reportFile)}`)
}

function linesOf(
  { claim, verdict, because, reading, measures }: ClaimFinding,
  terminal: Terminal,
): readonly string[] {
  const more = measures.filter(({ role }) => role !== 'decides')
  return [
    `${terminal.paint('bold', claim.id.padEnd(4))} ${terminal.paint(STYLES[verdict], verdict.padEnd(12))}  ${claim.title}`,
    `      claimed   “${claim.source.quote}” – ${claim.source.document}`,
    `      under     ${claim.conditions.trim()}`,
    `      because   ${because}`,
    ...more.map((measure) => `      besides   ${measureWords(measure)}`),
    ...(reading === '' ? [] : [`      so        ${reading}`]),
    '',
  ]
}
