/** What panels have in common: the time axis of a run, its steps, warm-up and checkpoints, and ranges of values. */
import type { Measured } from '../../results/record.ts'
import { formatNumber } from '../../kit/units.ts'
import type { Axis, Band, Level, Line, Mark } from './spec.ts'

/** From this ratio of the largest to the smallest value on, equal steps on paper are equal factors. */
export const LOG_FROM = 20

/** The whole run, in seconds of the run. */
export function timeAxis(runs: readonly Measured[]): Axis {
  const ends = runs.flatMap((measured) => measured.steps.map((step) => step.toMs))
  const max = ends.length === 0 ? 1 : Math.max(...ends) / 1e3
  return { title: 'time in the run', unit: 'clock', scale: 'linear', min: 0, max, ticks: null }
}

/** Stretches that are not like the rest: the warm-up, and faults. */
export function bandsOf({ steps, faults = [] }: Measured): readonly Band[] {
  return [
    ...steps
      .filter((step) => step.kind === 'warmup')
      .map((step) => ({ from: step.fromMs / 1e3, to: step.toMs / 1e3, label: 'warm-up' })),
    ...faults.map(({ fromMs, toMs, name }) => ({
      from: fromMs / 1e3,
      to: toMs / 1e3,
      label: name,
    })),
  ]
}

/** Where each step of the schedule begins, with its rate; none for a schedule of one step. */
export function stepMarks(measured: Measured): readonly Mark[] {
  const steps = measured.steps.filter((step) => step.kind === 'measure')
  if (steps.length < 2) return []
  return steps.map((step) => ({
    at: step.fromMs / 1e3,
    label: `${formatNumber(step.targetPerS)}/s`,
    kind: 'step',
  }))
}

export function checkpointMarks(measured: Measured): readonly Mark[] {
  return measured.checkpoints.map((checkpoint) => ({
    at: checkpoint.atMs / 1e3,
    label: checkpoint.reason === 'engine' ? 'engine’s checkpoint' : 'checkpoint',
    kind: 'checkpoint',
  }))
}

export function valuesOf(lines: readonly Line[]): readonly number[] {
  return lines.flatMap((line) => line.points.flatMap(([, y]) => (y === null ? [] : [y])))
}

/** From zero to a round number above every value, and above every level that would not flatten the lines. */
export function linearRange(
  values: readonly number[],
  levels: readonly Level[],
): Pick<Axis, 'min' | 'max' | 'scale'> {
  const highest = largest(values, 0)
  const shown = levelsWithin(levels, highest).map((level) => level.at)
  return {
    scale: 'linear',
    min: 0,
    max: roundUp(Math.max(highest * 1.06, ...shown.map((at) => at * 1.12), 0) || 1),
  }
}

/** Levels far above the lines are left out, or nothing could be seen below them. */
export function levelsWithin(levels: readonly Level[], highest: number): readonly Level[] {
  return levels.filter((level) => level.at <= highest * 3)
}

/** Whole steps of 1, 2 and 5 around all values and levels. */
export function logRange(
  values: readonly number[],
  levels: readonly Level[],
): Pick<Axis, 'min' | 'max' | 'scale'> {
  const positive = [...values.filter((value) => value > 0), ...levels.map((level) => level.at)]
  const low = positive.reduce((a, b) => Math.min(a, b), Infinity)
  const high = largest(positive, 1)
  const min = roundDown(Number.isFinite(low) ? low : 0.1)
  return { scale: 'log', min, max: Math.max(roundUp(high * 1.25), min * 10) }
}

export function largest(values: readonly number[], least: number): number {
  return values.reduce((a, b) => Math.max(a, b), least)
}

function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value * 0.9999)
  return Number(((step ?? 10) * power).toPrecision(3))
}

function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [5, 2, 1].find((factor) => factor * power <= value * 1.0001)
  return Number(((step ?? 1) * power).toPrecision(3))
}
