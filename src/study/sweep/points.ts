/**
 * A sweep's points: every target at every point of the grid. In: targets, a scenario, axes. Out: points that can be run,
 * each with a name of its own, and what the record says of them; or one error with every problem.
 */
import type { Problem } from '../../kit/errors.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Finding } from '../../kit/yaml-door.ts'
import { pathText } from '../../kit/yaml-door.ts'
import type { SweepAxis, SweepMode, SweepPoint } from '../../results/sweep-record.ts'
import type { Scenario } from '../../scenario/scenario.ts'
import type { Target } from '../../target/target.ts'
import type { StudyPoint } from '../run-points.ts'
import { OF_A_TARGET, assigned, valueAt } from './assign.ts'
import type { Assignments, WantedAxis, WantedLevel } from './axes.ts'
import { labelOf } from './axes.ts'
import { gridOf } from './grid.ts'

/** Beyond it a study takes days, and its report cannot be read. */
const POINTS_MAX = 200
/** Longer ones are cut on a user's own server and hard to read in a table. */
const NAME_LENGTH_MAX = 56

export interface PointsWanted {
  readonly targets: readonly Target[]
  readonly scenario: Scenario
  readonly scenarioDir: string
  /** For every point alike. */
  readonly set: Assignments
  readonly axes: readonly WantedAxis[]
  readonly mode: SweepMode
  /** What was wrong with the wish already: told with the rest. */
  readonly problems: readonly Problem[]
}

export interface SweepPoints {
  /** In the order of `described.points`. */
  readonly points: readonly StudyPoint[]
  /** The scenario of the base: what the study is judged by. */
  readonly scenario: Scenario
  readonly described: { readonly axes: SweepAxis[]; readonly points: SweepPoint[] }
}

/** @throws HeadroomError BAD_INPUT listing every value that a schema or a rule refuses */
export function sweepPoints(wanted: PointsWanted): SweepPoints {
  const bases = wanted.targets.map((target) => settled(target, wanted))
  const axes = wanted.axes.map((axis) => axisWithBase(axis, bases))
  fail([...wanted.problems, ...axes.flatMap(axisProblems), ...levelProblems(axes, bases, wanted)])
  const grid = gridOf(
    axes.map(({ levels }) => levels.length),
    wanted.mode,
  )
  const count = grid.length * bases.length
  if (count > POINTS_MAX) {
    throw new HeadroomError(
      'BAD_INPUT',
      `the sweep has ${String(count)} points; ${String(POINTS_MAX)} are the most`,
      { hint: 'give fewer values or targets, or --mode one-at-a-time' },
    )
  }
  const made = bases.flatMap((base) =>
    grid.map((levels) => pointOf({ base, axes, levels }, wanted)),
  )
  fail(distinct(made.flatMap(({ problems: wrong }) => wrong)))
  const names = namesOf(made.map(({ slug }) => slug))
  const [first] = bases
  if (first === undefined) throw new Error('a sweep has a target')
  return {
    scenario: first.scenario,
    points: made.map(({ point, label }, at) => ({
      scenario: point.scenario,
      target: { ...point.target, name: names[at] ?? '', description: label },
    })),
    described: {
      axes: axes.map(({ name, path, levels }) => ({
        name,
        path,
        levels: levels.map(({ label, set }) => ({ label, set: { ...set } })),
      })),
      points: made.map(({ of, label, levels }, at) => ({
        target: names[at] ?? '',
        of,
        label,
        levels: [...levels],
      })),
    },
  }
}

/** The target and scenario that a grid starts from. */
function settled(target: Target, { scenario, scenarioDir, set }: PointsWanted): StudyPoint {
  const { point, findings } = assigned({ target, scenario }, set, scenarioDir)
  fail(findings.map((finding) => problemOf(finding, { file: '--set', line: null })))
  return point
}

/** One level alone stands against what the files say: that is the base. */
function axisWithBase(axis: WantedAxis, bases: readonly StudyPoint[]): WantedAxis {
  const [only, ...more] = axis.levels
  if (only === undefined || more.length > 0) return axis
  return { ...axis, levels: [{ label: ownLabel(axis, bases), set: {} }, only] }
}

function ownLabel({ path }: WantedAxis, bases: readonly StudyPoint[]): string {
  if (path === null) return 'as it is'
  const own = new Set(
    bases.map((base) => {
      const value = valueAt(base, path)
      return value === undefined ? 'default' : labelOf(value as Parameters<typeof labelOf>[0])
    }),
  )
  const [label] = own
  return own.size === 1 && label !== undefined ? label : 'as it is'
}

function axisProblems({ name, levels, path, from }: WantedAxis): readonly Problem[] {
  const labels = levels.map(({ label }) => label)
  const twice = labels.find((label, at) => labels.indexOf(label) < at)
  if (twice === undefined) return []
  const message = `${name} is ${twice} at two points`
  return [{ ...from, path: path ?? name, message, remedy: 'give values that differ' }]
}

/** Each level alone, so that one wrong value is told once and not for every point that has it. */
function levelProblems(
  axes: readonly WantedAxis[],
  bases: readonly StudyPoint[],
  { scenarioDir }: PointsWanted,
): readonly Problem[] {
  const problems = axes.flatMap(({ levels, from }) =>
    levels.flatMap(({ set }) =>
      bases.flatMap((base) =>
        assigned(base, set, scenarioDir).findings.map((finding) =>
          problemOf(bases.length === 1 ? finding : naming(base, finding), from),
        ),
      ),
    ),
  )
  return distinct(problems)
}

interface Made {
  readonly of: string
  readonly levels: readonly number[]
  readonly point: StudyPoint
  readonly label: string
  readonly slug: string
  readonly problems: readonly Problem[]
}

function pointOf(
  {
    base,
    axes,
    levels,
  }: {
    readonly base: StudyPoint
    readonly axes: readonly WantedAxis[]
    readonly levels: readonly number[]
  },
  { scenarioDir }: PointsWanted,
): Made {
  const chosen = axes.flatMap((axis, at) => {
    const level = axis.levels[levels[at] ?? 0]
    return level === undefined ? [] : [{ axis, level }]
  })
  const values = Object.assign({}, ...chosen.map(({ level }) => level.set)) as Assignments
  const { point, findings } = assigned(base, values, scenarioDir)
  const words = chosen.map(({ axis, level }) => `${axis.name}=${level.label}`)
  const of = base.target.name
  return {
    of,
    levels,
    point,
    label: [of, ...words].join(', '),
    slug: slugOf(of, chosen),
    problems: findings.map((finding) =>
      problemOf(finding, { file: `the point ${words.join(', ')}`, line: null }),
    ),
  }
}

function slugOf(
  of: string,
  chosen: readonly { readonly axis: WantedAxis; readonly level: WantedLevel }[],
): string {
  const words = chosen.flatMap(({ axis, level }) => [axis.name, level.label])
  return [of, ...words.map(slug)].filter((word) => word !== '').join('-')
}

/** `batchRowsMax` → `batch-rows-max`, `0.01` → `0-01`. */
function slug(text: string): string {
  return text
    .replaceAll(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
}

/** Short enough, and no two alike. */
function namesOf(slugs: readonly string[]): readonly string[] {
  const names: string[] = []
  for (const [at, text] of slugs.entries()) {
    const number = String(at + 1)
    const short = text.length <= NAME_LENGTH_MAX ? text : cut(text, number)
    names.push(names.includes(short) ? cut(short, number) : short)
  }
  return names
}

function cut(text: string, number: string): string {
  const kept = text.slice(0, NAME_LENGTH_MAX - number.length - 1).replace(/-+$/, '')
  return `${kept}-${number}`
}

function problemOf({ path, message, remedy }: Finding, from: WantedAxis['from']): Problem {
  return { ...from, path: pathText(path), message, remedy }
}

/** What is wrong with the scenario, or with a path itself, is wrong for every target. */
function naming({ target }: StudyPoint, finding: Finding): Finding {
  if (!OF_A_TARGET.includes(String(finding.path[0]))) return finding
  return { ...finding, message: `${finding.message} (target ${target.name})` }
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}

function fail(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const many = problems.length === 1 ? 'one problem' : `${String(problems.length)} problems`
  throw new HeadroomError('BAD_INPUT', `the sweep has ${many}`, { problems })
}
