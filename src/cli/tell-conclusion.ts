/** The last words of `run` and `report`. In: what was concluded. Out: the summary for people, or one JSON object. */
import type { Findings } from '../judge/findings.ts'
import { shownPath } from '../kit/yaml-door.ts'
import { summaryLines } from './summary.ts'
import type { Terminal } from './terminal.ts'

export interface Conclusion {
  readonly findings: Findings
  /** Absolute folder of the study's records. */
  readonly studyDir: string
  /** Absolute path of the HTML page. */
  readonly reportFile: string
}

export function tellConclusion(
  { findings, studyDir, reportFile }: Conclusion,
  options: { readonly terminal: Terminal; readonly json: boolean; readonly exitCode: number },
): void {
  const { terminal, json, exitCode } = options
  if (json) {
    const { study, targets, rankings, sweep, phase, verdict, caveats, realServer } = findings
    const about = { study: study.id, exitCode, verdict, phase }
    const summary = { ...about, targets, rankings, sweep, realServer, caveats }
    const runs = findings.runs.map(({ id, round, target, outcome }) => ({
      id,
      round,
      target: target.name,
      state: outcome.state,
      ...('because' in outcome ? { because: outcome.because } : {}),
      ...(outcome.state === 'failed' ? { code: outcome.code, message: outcome.message } : {}),
    }))
    terminal.data(
      JSON.stringify({ ...summary, runs, results: studyDir, report: reportFile }, null, 2),
    )
    return
  }
  const lines = summaryLines(findings, {
    columns: terminal.columns,
    paint: (style, text) => terminal.paint(style, text),
  })
  for (const line of lines) terminal.data(line)
  if (findings.study.cutShort !== null) {
    terminal.data(terminal.paint('yellow', `cut short ${findings.study.cutShort}`))
    if (findings.study.kind === 'sweep')
      terminal.data(`go on     headroom sweep --resume ${findings.study.id}`)
  }
  terminal.data(`results   ${shownPath(studyDir)}`)
  terminal.data(`report    ${shownPath(reportFile)}`)
}
