/**
 * What a sweep was asked for. In: flags, and a sweep file where one is named. Out: its points and what varies, every value
 * held against the schemas; or one error with every problem.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DATA_KINDS, dataFiles, nameOf } from '../kit/data-file.ts'
import type { Problem } from '../kit/errors.ts'
import { HeadroomError } from '../kit/errors.ts'
import { lineInFile, pathText, shownPath, yamlKeys } from '../kit/yaml-door.ts'
import type { Sweep, SweepMode } from '../results/sweep-record.ts'
import { loadScenario } from '../scenario/load.ts'
import type { PointsInputs } from '../study/run-points.ts'
import { assignmentOfFlag, axisOfFlag } from '../study/sweep/axes.ts'
import type { PointsWanted } from '../study/sweep/points.ts'
import { sweepPoints } from '../study/sweep/points.ts'
import type { LoadedSweep } from '../study/sweep/sweep-file.ts'
import { loadSweep } from '../study/sweep/sweep-file.ts'
import { unaskedQueries } from '../study/sweep/asked-figures.ts'
import { loadTargets } from '../target/load.ts'

/** By flag; `what` is the name or path of a scenario or a sweep file. */
export interface SweepTyped {
  readonly what: string
  readonly target?: string | undefined
  readonly vary: readonly string[]
  readonly set: readonly string[]
  readonly mode?: SweepMode | undefined
  readonly rounds?: number | undefined
  readonly rates?: readonly number[] | undefined
  readonly initialRows?: number | undefined
}

export interface SweepAsked extends Omit<PointsInputs, 'profile'> {
  readonly sweep: Sweep
}

const RANKING_ROUNDS = 3

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND, UNKNOWN_SCENARIO, UNKNOWN_TARGET */
export function sweepAsked(typed: SweepTyped): SweepAsked {
  const file = isSweep(typed.what) ? loadSweep(typed.what) : null
  const { axes, set, problems } = wantedOf(typed, file)
  const targets = loadTargets(typed.target ?? targetsOf(file))
  const name = file === null ? typed.what : besideFile(file, file.scenario)
  const overrides = { ratesPerS: typed.rates, initialRows: typed.initialRows }
  const { scenario: own } = loadScenario(name)
  const rounds = typed.rounds ?? file?.rounds ?? Math.max(RANKING_ROUNDS, own.rounds)
  const { scenario, dir } = loadScenario(name, { ...overrides, rounds })
  const mode = typed.mode ?? file?.mode ?? 'cross'
  const { points, described, ...settled } = sweepPoints({
    targets,
    scenario,
    scenarioDir: dir,
    set,
    axes,
    mode,
    problems,
  })
  if (file !== null) refuseUnaskedQueries(file, points)
  return {
    points,
    scenario: settled.scenario,
    scenarioDir: dir,
    sweep: {
      ...(file === null ? {} : askedBy(file)),
      mode,
      ...described,
    },
  }
}

function askedBy(file: LoadedSweep): Partial<Sweep> {
  const { name, question, documents, notMeasured, figures } = file
  const about = { file: name, asks: question, documents, notMeasured }
  return figures.length === 0 ? about : { ...about, figures: [...figures] }
}

/** @throws HeadroomError BAD_INPUT for a figure of a query that no point is asked */
function refuseUnaskedQueries(
  { file, name, figures }: LoadedSweep,
  points: SweepAsked['points'],
): void {
  const asked = points.flatMap(({ scenario }) => scenario.queries.map((query) => query.name))
  const problems = unaskedQueries(figures, [...new Set(asked)]).map(
    ({ path, message, remedy }): Problem => ({
      file: shownPath(file),
      line: lineInFile(file, path),
      path: pathText(path),
      message,
      remedy,
    }),
  )
  if (problems.length === 0) return
  const count = problems.length === 1 ? 'one problem' : `${String(problems.length)} problems`
  throw new HeadroomError('BAD_INPUT', `the sweep ${name} has ${count}`, { problems })
}

/** A name of a sweep that ships or lies in this folder, or the path of a file that says what varies. */
function isSweep(what: string): boolean {
  if (dataFiles(DATA_KINDS.sweep).some((file) => nameOf(file) === what)) return true
  return /[/\\]|\.ya?ml$/.test(what) && existsSync(what) && yamlKeys(what).includes('vary')
}

function wantedOf(
  typed: SweepTyped,
  file: LoadedSweep | null,
): Pick<PointsWanted, 'axes' | 'set' | 'problems'> {
  const axes = typed.vary.map(axisOfFlag)
  const set = typed.set.map(assignmentOfFlag)
  const problems = [...axes, ...set].flatMap((one) => (one.ok ? [] : [one.problem]))
  if (file !== null && typed.vary.length > 0) problems.push(twoGrids(file))
  if (file === null && typed.vary.length === 0) problems.push(noGrid(typed.what))
  const values = Object.fromEntries(set.flatMap((one) => (one.ok ? [one.value] : [])))
  return {
    axes: file?.axes ?? axes.flatMap((one) => (one.ok ? [one.value] : [])),
    set: { ...file?.set, ...values },
    problems,
  }
}

function twoGrids({ name, scenario }: LoadedSweep): Problem {
  return flagProblem(
    '--vary',
    `the sweep ${name} says itself what varies`,
    `leave --vary out, or name its scenario instead: headroom sweep ${scenario} --vary …`,
  )
}

function noGrid(what: string): Problem {
  const known = dataFiles(DATA_KINDS.sweep).map(nameOf)
  const named = known.length === 0 ? '' : `; or name a sweep: ${known.join(', ')}`
  return flagProblem(
    '--vary',
    `nothing varies: ${what} is a scenario`,
    `say what: --vary engines.database.settings.synchronous_commit=on,off${named}`,
  )
}

function targetsOf(file: LoadedSweep | null): string {
  if (file !== null) return file.targets.map((target) => besideFile(file, target)).join(',')
  const remedy = 'say what to run against: --target pg-direct,pg-batch'
  throw new HeadroomError('BAD_INPUT', '--target is missing', { hint: remedy })
}

/** A path in a file starts from the file's folder; a name is looked up. */
function besideFile({ file }: LoadedSweep, nameOrPath: string): string {
  return /[/\\]|\.ya?ml$/.test(nameOrPath) ? resolve(dirname(file), nameOrPath) : nameOrPath
}

function flagProblem(file: string, message: string, remedy: string): Problem {
  return { file, line: null, path: '', message, remedy }
}
