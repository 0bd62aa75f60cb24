/**
 * What a watcher knows of a running study. In: progress events, one by one. Out: the next state. Pure: drawing it is
 * another file's matter.
 */
import type { RunPhase, RunProgress } from '../study/progress-events.ts'

type Window = Extract<RunProgress, { type: 'window' }>
type RunEnded = Extract<RunProgress, { type: 'run-ended' }>

export type TargetState =
  | { readonly state: 'waiting'; readonly ended: readonly RunEnded[] }
  | {
      readonly state: 'running'
      readonly ended: readonly RunEnded[]
      readonly round: number
      readonly phase: RunPhase
      readonly detail: string
      /** The last second; null before the first event was due. */
      readonly window: Window | null
    }

export interface ProgressState {
  /** In the order in which the user named them. */
  readonly targets: ReadonlyMap<string, TargetState>
  readonly runs: number
  readonly runsEnded: number
  readonly rounds: number
  readonly estimatedS: number
  /** Engines of the current run, as lines of talk name them. */
  readonly engines: readonly string[]
}

export function initialProgress(targets: readonly string[], rounds: number): ProgressState {
  return {
    targets: new Map(targets.map((name) => [name, { state: 'waiting', ended: [] }])),
    runs: targets.length * rounds,
    runsEnded: 0,
    rounds,
    estimatedS: 0,
    engines: [],
  }
}

export function nextProgress(state: ProgressState, event: RunProgress): ProgressState {
  switch (event.type) {
    case 'study-started':
      return { ...state, runs: event.runs, estimatedS: event.estimatedS }
    case 'run-added':
      return { ...state, runs: event.runs, estimatedS: state.estimatedS + event.estimatedS }
    case 'run-started':
      return {
        ...withTarget(state, event.target, (target) => ({
          state: 'running',
          ended: target.ended,
          round: event.round,
          phase: 'engines',
          detail: '',
          window: null,
        })),
        engines: [],
      }
    case 'engine-ready': {
      const took = `${(event.tookMs / 1_000).toFixed(1)} s`
      return {
        ...state,
        engines: [...state.engines, `${event.label} ready ${took} (${event.provider})`],
      }
    }
    case 'phase':
      return withTarget(state, event.target, (target) =>
        target.state === 'running'
          ? { ...target, phase: event.phase, detail: event.detail }
          : target,
      )
    case 'window':
      return withTarget(state, event.target, (target) =>
        target.state === 'running' ? { ...target, phase: event.phase, window: event } : target,
      )
    case 'run-ended':
      return {
        ...withTarget(state, event.target, (target) => ({
          state: 'waiting',
          ended: [...target.ended, event],
        })),
        runsEnded: state.runsEnded + 1,
      }
    case 'note':
      return state
  }
}

/** What is left by the study's own estimate, scaled by how long the runs behind it really took. */
export function leftS(state: ProgressState, elapsedS: number): number {
  const share = state.runs === 0 ? 1 : state.runsEnded / state.runs
  if (share === 0) return Math.max(0, state.estimatedS - elapsedS)
  return (elapsedS / share) * (1 - share)
}

function withTarget(
  state: ProgressState,
  name: string,
  change: (target: TargetState) => TargetState,
): ProgressState {
  const targets = new Map(state.targets)
  targets.set(name, change(targets.get(name) ?? { state: 'waiting', ended: [] }))
  return { ...state, targets }
}
