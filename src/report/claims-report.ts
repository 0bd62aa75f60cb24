/** Findings of claims in, the files of their report out: page, Markdown, JUnit. The same findings give the same bytes. */
import type { ClaimsFindings } from '../judge/claims.ts'
import { renderClaimsJunit } from './claims-junit.ts'
import { renderClaimsMarkdown } from './claims-markdown.ts'
import { renderClaimsPage } from './claims-page.ts'
import type { ReportFile } from './files.ts'
import { PAGE_FILE } from './files.ts'

export function claimsReportFiles(findings: ClaimsFindings): readonly ReportFile[] {
  return [
    { path: PAGE_FILE, content: renderClaimsPage(findings) },
    { path: 'report.md', content: renderClaimsMarkdown(findings, PAGE_FILE) },
    { path: 'junit.xml', content: renderClaimsJunit(findings) },
  ]
}
