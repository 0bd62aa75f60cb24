/** What `headroom report` does. In: which study. Out: its report's files, written again from the records. */
import { readStudy } from '../results/store.ts'
import type { CommandContext } from './command.ts'
import { concludeStudy } from './conclude.ts'
import { loadTriggers } from './load-triggers.ts'
import { outDirOf, reportDirOf } from './places.ts'
import { tellConclusion } from './tell-conclusion.ts'

export async function redrawReport(
  {
    run,
    out,
    json,
  }: { readonly run: string; readonly out: string | undefined; readonly json: boolean },
  { terminal }: CommandContext,
): Promise<number> {
  const { dir, study } = await readStudy(run, outDirOf(out))
  const conclusion = await concludeStudy(dir, {
    triggers: loadTriggers(),
    reportDir: reportDirOf(out, study.id),
  })
  tellConclusion(conclusion, { terminal, json, exitCode: 0 })
  return 0
}
