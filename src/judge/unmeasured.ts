/**
 * SLOs that nothing was measured for. In: the steps of a run and its SLOs. Out: each SLO with the rates at which it counts
 * as kept only because nobody looked. A limit that was not measured is neither kept nor broken. Pure.
 */
import { findMetric } from '../collect/metrics.ts'
import { formatDurationS, formatQuantity, formatRate } from '../kit/units.ts'
import type { Measured, Step } from '../results/record.ts'
import type { Slo } from '../scenario/scenario.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import { lastsAWindow, stepValue } from './slo.ts'

type UnmeasuredSlo = NonNullable<Measured['unmeasuredSlos']>[number]

/** Of steps that count as kept only: a broken or a cut one claims nothing. */
export function unmeasuredSlos(
  steps: readonly Step[],
  slos: readonly Slo[],
): readonly UnmeasuredSlo[] {
  const kept = steps.filter(
    (step) =>
      step.kind === 'measure' && step.dueEvents > 0 && step.complete && step.brokenSlo === null,
  )
  return slos.flatMap(({ metric, max, windowS }): readonly UnmeasuredSlo[] => {
    const silent = kept.filter((step) => stepValue(step, metric) === null)
    const short = kept.filter((step) => !silent.includes(step) && !lastsAWindow(step, windowS))
    const found = (because: UnmeasuredSlo['because'], at: readonly Step[]): UnmeasuredSlo => ({
      metric,
      max,
      windowS,
      because,
      ratesPerS: at.map((step) => step.targetPerS),
    })
    return [
      ...(silent.length === 0 ? [] : [found('not-measured', silent)]),
      ...(short.length === 0 ? [] : [found('step-too-short', short)]),
    ]
  })
}

/** Metric keys of the SLOs that some counting round says nothing about, each once. */
export function unmeasuredMetrics(target: TargetEvidence): readonly string[] {
  return [
    ...new Set(target.rounds.flatMap((round) => unmeasuredIn(round).map((one) => one.metric))),
  ]
}

/** One sentence per target and SLO, and one per target whose engines cannot do all that its settings ask for. */
export function unmeasuredCaveats(targets: readonly TargetEvidence[]): readonly string[] {
  return targets.flatMap(({ target, runs, rounds }) => [
    ...notDone(target, runs),
    ...sloCaveats(target, rounds),
  ])
}

function notDone(target: string, runs: TargetEvidence['runs']): readonly string[] {
  const sentences = new Set(runs.flatMap((run) => run.architecture.notMeasured ?? []))
  return sentences.size === 0 ? [] : [`Not measured of ${target}: ${[...sentences].join('; ')}.`]
}

function sloCaveats(target: string, rounds: readonly Round[]): readonly string[] {
  const byMetric = new Map<string, UnmeasuredSlo[]>()
  for (const one of rounds.flatMap(unmeasuredIn)) {
    const key = `${one.metric} ${one.because}`
    byMetric.set(key, [...(byMetric.get(key) ?? []), one])
  }
  return [...byMetric.values()].map((found) => inWords(target, found, rounds))
}

function inWords(
  target: string,
  found: readonly UnmeasuredSlo[],
  rounds: readonly Round[],
): string {
  const [first] = found
  if (first === undefined) return ''
  const { metric, max, windowS } = first
  const slo = `${metric} ≤ ${formatQuantity(max, findMetric(metric)?.unit ?? '')}`
  const why =
    first.because === 'not-measured'
      ? `was not measured of ${target}`
      : `was not judged of ${target}: no window of ${formatDurationS(windowS)} fits its step`
  const rates = [...new Set(found.flatMap(({ ratesPerS }) => ratesPerS))].toSorted((a, b) => a - b)
  const kept = new Set(
    rounds.flatMap(({ measured }) =>
      measured.steps
        .filter((step) => step.kind === 'measure' && step.complete && step.brokenSlo === null)
        .map((step) => step.targetPerS),
    ),
  )
  const at =
    rates.length === kept.size ? '' : ` at ${rates.map((rate) => formatRate(rate)).join(', ')}`
  return `The SLO ${slo} ${why}${at}: what ${target} holds says nothing of this limit.`
}

/** Records of before this was kept tell it by their steps. */
function unmeasuredIn({ measured, run }: Round): readonly UnmeasuredSlo[] {
  return measured.unmeasuredSlos ?? unmeasuredSlos(measured.steps, run.scenario.slos)
}
