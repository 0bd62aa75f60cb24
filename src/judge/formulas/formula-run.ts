/** What the formulas are fed with: one target's counting rounds as medians, and its PostgreSQL's settings. */
import { parseMetricKey } from '../../collect/metrics.ts'
import type { ServerSettings } from '../../plan/postgres-settings.ts'
import type { RunRecord, StudyRecord } from '../../results/record.ts'
import { measuredSteps, newEventsRatioOver } from '../evidence.ts'
import type { Round, TargetEvidence } from '../evidence.ts'
import { medianOf } from '../statistics.ts'

export class FormulaRun {
  readonly study: StudyRecord
  readonly target: string
  readonly rounds: readonly Round[]
  /** The first PostgreSQL of the target: the one that is written. */
  readonly server: ServerSettings & Pick<RunRecord['engines'][number], 'provider' | 'role'>

  private constructor(made: Pick<FormulaRun, 'study' | 'target' | 'rounds' | 'server'>) {
    this.study = made.study
    this.target = made.target
    this.rounds = made.rounds
    this.server = made.server
  }

  /** null where no round counts, or the target has no PostgreSQL. */
  static of(study: StudyRecord, { target, rounds }: TargetEvidence): FormulaRun | null {
    const server = rounds[0]?.run.engines.find((engine) => engine.kind === 'postgres')
    return server === undefined ? null : new FormulaRun({ study, target, rounds, server })
  }

  /** Over all measured steps of a round; median over rounds. */
  middle(key: string): number | null {
    return medianOf(
      this.rounds.map(({ measured }) => measured.metrics[key]).filter((one) => one !== undefined),
    )
  }

  /** The worst window of a round; the highest over rounds, for a limit is there to hold always. */
  worst(key: string): number | null {
    const values = this.rounds
      .map(({ measured }) => measured.worst[key])
      .filter((one) => one !== undefined)
    return values.length === 0 ? null : Math.max(...values)
  }

  /** What a metric has instances of: tables, slots. */
  labels(id: string): readonly string[] {
    const found = new Set<string>()
    for (const { measured } of this.rounds) {
      for (const key of Object.keys(measured.metrics)) {
        const parsed = parseMetricKey(key)
        if (parsed.id === id && parsed.label !== null) found.add(parsed.label)
      }
    }
    return [...found].sort()
  }

  get acceptedPerS(): number | null {
    const rate = this.middle('rate.acceptedEventsPerS')
    return rate !== null && rate > 0 ? rate : null
  }

  /** Of the events that arrive, how many are new: what a figure per accepted event is multiplied by for a declared rate. */
  get newEventsRatio(): number {
    return newEventsRatioOver(this.rounds)
  }

  get measuredS(): number {
    const lengths = this.rounds.map(
      (round) => measuredSteps(round).reduce((sum, step) => sum + step.toMs - step.fromMs, 0) / 1e3,
    )
    return medianOf(lengths) ?? 0
  }

  get architectureId(): string | null {
    return this.rounds[0]?.run.architecture.id ?? null
  }

  /** A number among the architecture's settings; null where it has no such setting. */
  setting(name: string): number | null {
    const value = this.#settings[name]
    return typeof value === 'number' ? value : null
  }

  /** The same for a word. */
  word(name: string): string | null {
    const value = this.#settings[name]
    return typeof value === 'string' ? value : null
  }

  /** The same for a switch; off where it has no such setting. */
  isOn(name: string): boolean {
    return this.#settings[name] === true
  }

  /** The same for a list; empty where it has no such setting. */
  names(name: string): readonly unknown[] {
    const value = this.#settings[name]
    return Array.isArray(value) ? value : []
  }

  get #settings(): Readonly<Record<string, unknown>> {
    return this.rounds[0]?.run.architecture.settings ?? {}
  }
}
