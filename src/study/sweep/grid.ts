/** Which points of a grid are measured. In: how many levels each axis has. Out: one level per axis and point, the base first. Pure. */
import type { SweepMode } from '../../results/sweep-record.ts'

/** The base is level 0 of every axis. */
export function gridOf(levels: readonly number[], mode: SweepMode): readonly (readonly number[])[] {
  switch (mode) {
    case 'cross':
      return crossed(levels)
    case 'one-at-a-time':
      return oneAtATime(levels)
  }
}

function crossed(levels: readonly number[]): readonly (readonly number[])[] {
  return levels.reduce<readonly (readonly number[])[]>(
    (points, count) => points.flatMap((point) => upTo(count).map((level) => [...point, level])),
    [[]],
  )
}

function oneAtATime(levels: readonly number[]): readonly (readonly number[])[] {
  const base = levels.map(() => 0)
  const others = levels.flatMap((count, axis) =>
    upTo(count)
      .slice(1)
      .map((level) => base.map((zero, at) => (at === axis ? level : zero))),
  )
  return [base, ...others]
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at)
}
