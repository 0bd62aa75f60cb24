/** What a soak is: it says first what it will do and for how long, then brings home criteria with what was seen. */
import type { Machine } from '../../src/results/record.ts'

export interface Soak {
  readonly name: string
  readonly title: string
  /** One sentence: what it does, printed before it starts. */
  plan(options: SoakOptions): string
  /** How long it takes with these options, for the same line. */
  estimateS(options: SoakOptions): number
  /** Leaves no process and no file behind. @throws the signal's reason, and whatever makes the result worthless */
  run(options: SoakOptions, sitting: Sitting): Promise<SoakFindings>
}

export interface SoakOptions {
  /** Shortens `driver-memory`; its full length is 1,800. */
  readonly seconds: number
  /** Events of `audit-100m`. */
  readonly events: number
  /** Moments of a kill per component of `kills`. */
  readonly positions: number
  /** Of every sweep of `sweeps`; a verdict on a difference takes three. */
  readonly rounds: number
  /** `kills` begins no further position, the matrices no further command, after so many seconds, and says how many it did. */
  readonly limitS: number
  readonly seed: number
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

/** What a soak that takes several sittings goes on from, and keeps for the next one. The matrices do; others begin anew. */
export interface Sitting {
  /** What the same soak left behind; null: it begins anew. */
  readonly earlier: SoakSummary | null
  /** Keeps what was found so far, whatever happens next; the summary at the end replaces it. */
  readonly keep: (soFar: SoakFindings) => Promise<void>
}

export interface Criterion {
  readonly what: string
  readonly limit: string
  readonly seen: string
  readonly met: boolean
}

export interface SoakTable {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface SoakFindings {
  readonly criteria: readonly Criterion[]
  readonly tables: readonly SoakTable[]
  /** What a reader must know to judge the figures: shortened runs, other load on the machine. */
  readonly notes: readonly string[]
  /** The figures themselves, for programs. */
  readonly data: unknown
}

/** What results/baselines/soak keeps of one soak. */
export interface SoakSummary extends SoakFindings {
  readonly schemaVersion: 1
  readonly name: string
  readonly title: string
  readonly plan: string
  readonly startedAt: string
  readonly tookS: number
  readonly passed: boolean
  readonly headroom: { readonly version: string; readonly commit: string }
  readonly machine: Machine
  /** Processes that wanted to run, one-minute average: what else the machine did. */
  readonly load: { readonly before: number; readonly after: number }
}
