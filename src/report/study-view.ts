/** Findings arranged for drawing: each target with its colour, its runs and the one run whose course is shown. */
import type { Findings, TargetFindings } from '../judge/findings.ts'
import type { Measured, RunRecord } from '../results/record.ts'
import { inkOf } from './palette.ts'
import type { Ink } from './palette.ts'
import type { RunSeries, SeriesByRun } from './series.ts'

export interface TargetView {
  readonly name: string
  readonly position: number
  readonly ink: Ink
  readonly findings: TargetFindings
  /** All runs of the target, in order of rounds. */
  readonly runs: readonly RunRecord[]
  /** Runs whose rounds count. */
  readonly counted: readonly RunRecord[]
  /** The run whose course the charts show: the last that counts, else the last that measured anything. */
  readonly shown: { readonly run: RunRecord; readonly measured: Measured } | null
}

export interface StudyView {
  readonly findings: Findings
  readonly series: SeriesByRun
  readonly targets: readonly TargetView[]
}

export function viewStudy(findings: Findings, series: SeriesByRun): StudyView {
  const targets = findings.targets.map((target, position): TargetView => {
    const runs = findings.runs
      .filter((run) => run.target.name === target.target)
      .toSorted((a, b) => a.round - b.round)
    // Beside a run that counts there may be a void one of the same round.
    const counted = runs.filter(
      ({ round, outcome }) => target.rounds.includes(round) && outcome.state === 'completed',
    )
    const shownRun = counted.at(-1) ?? runs.findLast((run) => measuredOf(run) !== null)
    const measured = shownRun === undefined ? null : measuredOf(shownRun)
    const shown = shownRun === undefined || measured === null ? null : { run: shownRun, measured }
    const { target: name } = target
    return { name, position, ink: inkOf(position), findings: target, runs, counted, shown }
  })
  return { findings, series, targets }
}

export function measuredOf(run: RunRecord): Measured | null {
  return run.outcome.state === 'failed' ? null : run.outcome.measured
}

/** The series of a run up to the end of its schedule: what came while it drained belongs to no rate. */
export function seriesOf(view: StudyView, run: RunRecord): RunSeries {
  const series: RunSeries = view.series.get(run.id) ?? new Map()
  const endMs = Math.max(0, ...(measuredOf(run)?.steps ?? []).map((step) => step.toMs))
  return new Map([...series].map(([key, points]) => [key, points.filter(({ t }) => t <= endMs)]))
}
