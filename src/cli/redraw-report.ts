/** What `headroom report` does. In: which study. Out: its report's files, written again from the records. */
import { readStored } from '../results/store.ts'
import type { CommandContext } from './command.ts'
import { concludeClaims } from './conclude-claims.ts'
import { concludeStudy } from './conclude.ts'
import { loadTriggers } from './load-triggers.ts'
import { outDirOf, reportDirOf } from './places.ts'
import { tellClaims } from './tell-claims.ts'
import { tellConclusion } from './tell-conclusion.ts'

export async function redrawReport(
  {
    run,
    out,
    json,
  }: { readonly run: string; readonly out: string | undefined; readonly json: boolean },
  { terminal }: CommandContext,
): Promise<number> {
  const stored = await readStored(run, outDirOf(out))
  if ('claims' in stored) {
    const redrawn = await concludeClaims(stored, reportDirOf(out, stored.claims.id))
    tellClaims(redrawn, { terminal, json, exitCode: 0 })
    return 0
  }
  const { dir, study } = stored
  const conclusion = await concludeStudy(dir, {
    triggers: loadTriggers(),
    reportDir: reportDirOf(out, study.id),
  })
  tellConclusion(conclusion, { terminal, json, exitCode: 0 })
  return 0
}
