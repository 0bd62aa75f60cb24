/** A study of claims -> findings -> files. In: the record. Out: the report's folder filled, and what was found. */
import { join } from 'node:path'
import { judgeClaims } from '../judge/claims.ts'
import { PAGE_FILE } from '../report/files.ts'
import { claimsReportFiles } from '../report/claims-report.ts'
import { writeReportFiles } from '../results/report-files.ts'
import type { StoredClaims } from '../results/store.ts'
import type { ClaimsConclusion } from './tell-claims.ts'

export async function concludeClaims(
  { dir, claims }: StoredClaims,
  reportDir: string,
): Promise<ClaimsConclusion> {
  const findings = judgeClaims(claims)
  await writeReportFiles(reportDir, claimsReportFiles(findings))
  return { findings, studyDir: dir, reportFile: join(reportDir, PAGE_FILE) }
}
