/** Shows a study of claims while it runs. In: its events. Out: one line per experiment and per arm, on stderr. */
import { formatDurationS, formatNumber } from '../kit/units.ts'
import { shownPath } from '../kit/yaml-door.ts'
import type { ArmRun } from '../results/claims-record.ts'
import type { ClaimsProgress } from '../study/claims.ts'
import type { Terminal } from './terminal.ts'

export function claimsProgress(terminal: Terminal): (event: ClaimsProgress) => void {
  let experiments = 0
  const startMs = performance.now()
  return (event) => {
    switch (event.type) {
      case 'started':
        experiments = event.experiments
        terminal.talk(
          `${String(event.experiments)} experiments, about ${formatDurationS(event.estimatedS)}; each is written to ${shownPath(event.dir)} when it is done`,
        )
        return
      case 'experiment':
        terminal.talk(
          `[${String(event.position)}/${String(experiments)}] ${event.name}, about ${formatDurationS(event.estimatedS)}${soFar(startMs)}`,
        )
        return
      case 'arm':
        terminal.talk(armLine(event.run, event.of))
        return
      case 'done':
        if (event.kept) terminal.talk(`${event.record.experiment.name}: kept from before`)
        return
    }
  }
}

function soFar(startMs: number): string {
  const s = Math.round((performance.now() - startMs) / 1_000)
  return s === 0 ? '' : ` (${formatDurationS(s)} so far)`
}

function armLine({ arm, round, position, tookS, outcome }: ArmRun, of: number): string {
  const place = `      ${String(position)}/${String(of)} round ${String(round)} ${arm}`
  switch (outcome.state) {
    case 'measured':
      return `${place}: ${formatNumber(tookS)} s`
    case 'skipped':
      return `${place}: not measured, ${outcome.because}`
    case 'failed':
      return `${place}: failed, ${outcome.message}`
  }
}
