/**
 * Shows a study while it runs. In: progress events. Out: on a terminal a block that is redrawn about once a second, else
 * one plain line per phase. What scrolls by is kept: notes and ended runs are lines above the block.
 */
import type { Clock } from '../kit/clock.ts'
import { systemClock } from '../kit/clock.ts'
import { formatCount, formatDurationS, formatDurationUs, formatRate } from '../kit/units.ts'
import type { OnProgress, RunProgress } from '../study/progress-events.ts'
import { endedText, progressLines } from './progress-lines.ts'
import type { ProgressState } from './progress-state.ts'
import { initialProgress, nextProgress } from './progress-state.ts'
import type { Terminal } from './terminal.ts'

/** Without a terminal a long phase still says every half minute that it lives. */
const PLAIN_WINDOW_EVERY_MS = 30_000

export interface ProgressView {
  readonly onProgress: OnProgress
  /** A line of talk that does not tear the block apart. */
  readonly talk: (line: string) => void
  /** Leaves the last state on the screen. */
  readonly end: () => void
}

export interface ProgressOptions {
  readonly terminal: Terminal
  readonly targets: readonly string[]
  readonly rounds: number
  readonly clock?: Clock
}

export function showProgress(options: ProgressOptions): ProgressView {
  return options.terminal.canRedraw ? redrawn(options) : plain(options)
}

function redrawn({
  terminal,
  targets,
  rounds,
  clock = systemClock,
}: ProgressOptions): ProgressView {
  const startMs = clock.nowMs()
  let state: ProgressState = initialProgress(targets, rounds)
  let drawnLines = 0
  const erase = (): void => {
    if (drawnLines > 0) terminal.draw(`\x1b[${String(drawnLines)}A\x1b[0J`)
    drawnLines = 0
  }
  const draw = (): void => {
    const lines = progressLines(state, {
      columns: terminal.columns,
      elapsedS: (clock.nowMs() - startMs) / 1_000,
      paint: (style, text) => terminal.paint(style, text),
    })
    terminal.draw(`${lines.join('\n')}\n`)
    drawnLines = lines.length
  }
  const talk = (line: string): void => {
    erase()
    terminal.talk(line)
    draw()
  }
  return {
    talk,
    onProgress: (event) => {
      state = nextProgress(state, event)
      erase()
      const said = lineAbove(event)
      if (said !== null) terminal.talk(said)
      draw()
    },
    end: () => {
      erase()
      draw()
      drawnLines = 0
    },
  }
}

function lineAbove(event: RunProgress): string | null {
  if (event.type === 'note') return `note  ${event.text}`
  return event.type === 'study-started' ? startedText(event) : null
}

function plain({ terminal, clock = systemClock }: ProgressOptions): ProgressView {
  const startMs = clock.nowMs()
  let place = ''
  let runs = 0
  let lastWindowMs = -Infinity
  const say = (line: string): void => {
    const at = `${((clock.nowMs() - startMs) / 1_000).toFixed(1).padStart(7)} s`
    terminal.talk(`${at}  ${line}`)
  }
  return {
    talk: say,
    onProgress: (event) => {
      if (event.type === 'study-started' || event.type === 'run-added') runs = event.runs
      if (event.type === 'run-started') {
        place = `[${String(event.position)}/${String(runs)}] ${event.target} round ${String(event.round)}`
      }
      if (event.type === 'window') {
        if (clock.nowMs() - lastWindowMs < PLAIN_WINDOW_EVERY_MS) return
        lastWindowMs = clock.nowMs()
      }
      const line = plainLine(event, place)
      if (line !== null) say(line)
    },
    end: () => undefined,
  }
}

function plainLine(event: RunProgress, place: string): string | null {
  switch (event.type) {
    case 'study-started':
      return startedText(event)
    case 'run-added':
    case 'run-started':
      return null
    case 'engine-ready':
      return `${place}: ${event.label} ready in ${(event.tookMs / 1_000).toFixed(1)} s (${event.provider})`
    case 'phase':
      return `${place}: ${event.phase}${event.detail === '' ? '' : `, ${event.detail}`}`
    case 'window':
      return `${place}: ${windowText(event)}`
    case 'run-ended':
      return `${place}: ${endedText(event)}`
    case 'note':
      return `note: ${event.text}`
  }
}

function windowText(event: Extract<RunProgress, { type: 'window' }>): string {
  const facts = [
    formatRate(event.acceptedPerS),
    ...(event.latencyP99Us === null ? [] : [`p99 ${formatDurationUs(event.latencyP99Us)}`]),
    ...(event.backlogEvents === null ? [] : [`backlog ${formatCount(event.backlogEvents)}`]),
    `${formatDurationS(Math.ceil(event.leftS))} left`,
  ]
  return facts.join(', ')
}

function startedText(event: Extract<RunProgress, { type: 'study-started' }>): string {
  const estimate = formatDurationS(event.estimatedS)
  return `study ${event.studyId}: ${String(event.runs)} ${event.runs === 1 ? 'run' : 'runs'}, at most about ${estimate} unless runs are void`
}
