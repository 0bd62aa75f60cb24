/** What a running study tells whoever watches: a terminal, a log, a test. */
import type { Provider } from '../engines/engine.ts'

export type RunPhase =
  'engines' | 'schema' | 'preload' | 'warmup' | 'measure' | 'drain' | 'audit' | 'teardown'

export type RunProgress =
  | {
      readonly type: 'study-started'
      readonly studyId: string
      readonly dir: string
      readonly runs: number
      readonly estimatedS: number
    }
  | {
      /** A void run is made again: there are more runs than were planned. */
      readonly type: 'run-added'
      /** Of the study, with this one. */
      readonly runs: number
      /** Of this one. */
      readonly estimatedS: number
    }
  | {
      readonly type: 'run-started'
      readonly runId: string
      readonly target: string
      readonly round: number
      /** 1-based position in the study. */
      readonly position: number
    }
  | {
      readonly type: 'engine-ready'
      readonly target: string
      readonly label: string
      readonly tookMs: number
      readonly provider: Provider
    }
  | {
      readonly type: 'phase'
      readonly target: string
      readonly phase: RunPhase
      readonly detail: string
    }
  | {
      readonly type: 'window'
      readonly target: string
      readonly phase: 'warmup' | 'measure' | 'drain'
      readonly targetPerS: number
      readonly acceptedPerS: number
      readonly latencyP99Us: number | null
      /** Acknowledged and not yet readable, over all stores; null before the first poll. */
      readonly backlogEvents: number | null
      readonly walBytesPerS: number | null
      /** Share of this run's scheduled time that has passed, 0…1. */
      readonly doneRatio: number
      readonly leftS: number
    }
  | {
      readonly type: 'run-ended'
      readonly runId: string
      readonly target: string
      readonly round: number
      readonly state: 'completed' | 'audit-failed' | 'not-audited' | 'void' | 'aborted' | 'failed'
      readonly sustainedPerS: number | null
      readonly brokenAtPerS: number | null
      readonly message: string
    }
  | { readonly type: 'note'; readonly text: string }

export type OnProgress = (event: RunProgress) => void
