/** How a running study looks. In: its state and the width of the terminal. Out: one line per target, and one in total. Pure. */
import {
  formatBytesPerS,
  formatCount,
  formatDurationS,
  formatDurationUs,
  formatRate,
} from '../kit/units.ts'
import type { ProgressState, TargetState } from './progress-state.ts'
import { leftS } from './progress-state.ts'
import type { Style } from './terminal.ts'

const BAR_CELLS = 16

export interface LineOptions {
  readonly columns: number
  readonly elapsedS: number
  readonly paint: (style: Style, text: string) => string
}

export function progressLines(state: ProgressState, options: LineOptions): readonly string[] {
  const width = Math.max(...[...state.targets.keys()].map((name) => name.length), 5)
  const targets = [...state.targets].map(([name, target]) => {
    const line = `${name.padEnd(width)}  ${targetText(target, state.rounds)}`
    const cut = cutTo(line, options.columns)
    return target.state === 'running' ? options.paint('bold', cut) : options.paint('dim', cut)
  })
  const left = formatDurationS(Math.round(leftS(state, options.elapsedS)))
  const total = `${String(state.runsEnded)} of ${String(state.runs)} runs done, about ${left} left`
  const engines = state.engines.length === 0 ? '' : `   ${state.engines.join('   ')}`
  return [
    ...targets,
    options.paint('dim', cutTo(`${''.padEnd(width)}  ${total}${engines}`, options.columns)),
  ]
}

function targetText(target: TargetState, rounds: number): string {
  if (target.state === 'waiting') return waitingText(target)
  const round = rounds === 1 ? '' : `round ${String(target.round)}  `
  if (target.window === null) {
    return `${bar(0)}  ${round}${target.phase}${target.detail === '' ? '' : `  ${target.detail}`}`
  }
  const {
    doneRatio,
    leftS: left,
    acceptedPerS,
    latencyP99Us,
    backlogEvents,
    walBytesPerS,
  } = target.window
  const facts = [
    `${target.phase} ${formatDurationS(Math.ceil(Math.max(0, left)))} left`,
    formatRate(acceptedPerS),
    ...(latencyP99Us === null ? [] : [`p99 ${formatDurationUs(latencyP99Us)}`]),
    ...(backlogEvents === null ? [] : [`backlog ${formatCount(backlogEvents)}`]),
    ...(walBytesPerS === null ? [] : [`WAL ${formatBytesPerS(walBytesPerS)}`]),
  ]
  return `${bar(doneRatio)}  ${round}${facts.join('   ')}`
}

function waitingText({ ended }: TargetState): string {
  const last = ended.at(-1)
  if (last === undefined) return `${' '.repeat(BAR_CELLS)}  waiting`
  return `${bar(1)}  round ${String(last.round)}  ${endedText(last)}`
}

export function endedText(ended: {
  readonly state: string
  readonly sustainedPerS: number | null
  readonly brokenAtPerS: number | null
  readonly message: string
}): string {
  if (ended.state !== 'completed') return `${ended.state}: ${ended.message}`
  const { sustainedPerS, brokenAtPerS } = ended
  const broke = brokenAtPerS === null ? 'nothing broke' : `broke at ${formatRate(brokenAtPerS)}`
  return sustainedPerS === null ? broke : `held ${formatRate(sustainedPerS)}, ${broke}`
}

function bar(ratio: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, ratio)) * BAR_CELLS)
  return '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled)
}

/** One cell is left free: a full last column wraps in some terminals. */
function cutTo(line: string, columns: number): string {
  const cells = Array.from(line)
  return cells.length < columns ? line : `${cells.slice(0, Math.max(1, columns - 2)).join('')}…`
}
