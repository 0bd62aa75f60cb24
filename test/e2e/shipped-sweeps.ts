/**
 * A sweep that ships, in small: the real command on real engines, one round of short runs over few rows. In: its name. Out:
 * what every point was set to, what its record says of that, and the report. Points lie on the grid's diagonal: as many as its
 * longest axis has values, from the first values to the last, so that every value of every axis is set once.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { PackageName } from '../../src/engines/packages/catalogue.ts'
import { PACKAGE_NAMES } from '../../src/engines/packages/catalogue.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { DATA_KINDS, dataFiles, nameOf } from '../../src/kit/data-file.ts'
import { ERROR_EXIT_CODES } from '../../src/kit/errors.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { readStudy } from '../../src/results/store.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { Assignments, WantedAxis } from '../../src/study/sweep/axes.ts'
import type { LoadedSweep } from '../../src/study/sweep/sweep-file.ts'
import { loadSweep } from '../../src/study/sweep/sweep-file.ts'
import { enginesArchitecture } from '../../src/target/engines-architecture.ts'
import { loadTargets } from '../../src/target/load.ts'
import { architectureById } from '../../src/target/registry.ts'
import { rolesOf } from '../../src/target/roles.ts'
import type { Target } from '../../src/target/target.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'

export const SHIPPED = dataFiles(DATA_KINDS.sweep).map(nameOf)

const RATE_PER_S = 300
/** So many requests a second at least, however large they are. */
const REQUESTS_PER_S = 2
const ROWS = 1_000
/** What a table holds whose size is what varies: the first value as it is, of the others as much. */
const AGED_ROWS_MAX = 100_000
const ROWS_PATH = 'scenario.initialRows'
/** What is small here, whatever the file sets for every point. */
const OF_THE_SCALE = /^scenario\.(initialRows|phases|rate)(\.|$)/

export interface Met {
  readonly target: string
  readonly set: Assignments
  readonly record: RunRecord
}

export interface SweepMet {
  readonly points: readonly Met[]
  readonly question: string
  /** `report.md`, as it lies on disk. */
  readonly report: string
}

/** Packages that its targets need and that are not here; none where nothing may be left out. */
export function missingFor(name: string): readonly PackageName[] {
  if (process.env['HEADROOM_REQUIRE_ALL'] !== undefined) return []
  const wanted = loadTargets(loadSweep(name).targets.join(',')).flatMap(wants)
  return PACKAGE_NAMES.filter((one) => wanted.includes(one) && !isHere(one))
}

function wants(target: Target): readonly string[] {
  if (target.kind === 'service') return []
  const architecture =
    target.kind === 'engines' ? enginesArchitecture(target) : architectureById(target.architecture)
  if (architecture === undefined) return []
  return rolesOf(architecture, target).flatMap(({ kind, extensions }) => [kind, ...extensions])
}

function isHere(name: PackageName): boolean {
  return name === 'redis' || name === 'pgbouncer'
    ? findProgram(name) !== null
    : findPackage(name) !== null
}

export async function sweepInSmall(name: string): Promise<SweepMet> {
  const folder = temporaryFolder()
  onTestFinished(folder.remove)
  const sweep = loadSweep(name)
  const axes = sweep.axes.map(fewRows)
  const levels = diagonal(axes)
  // JSON is YAML.
  const write = (file: string, value: unknown): void => {
    writeFileSync(join(folder.path, file), JSON.stringify(value))
  }
  write('small.yaml', smallScenario(sweep, axes))
  write('sweep.yaml', smallSweep(sweep, levels))
  const enginesDir = process.env['HEADROOM_ENGINES_DIR']
  const { exitCode, stderr } = await headroom(['sweep', './sweep.yaml'], {
    cwd: folder.path,
    ...(enginesDir === undefined ? {} : { env: { HEADROOM_ENGINES_DIR: enginesDir } }),
  })
  // A point that was void twice is a noisy machine; that it is audited and its record whole is asked all the same.
  const isDone = exitCode === 0 || exitCode === ERROR_EXIT_CODES.DRIVER_SATURATED
  if (!isDone) throw new Error(`exit code ${String(exitCode)}: ${stderr}`)
  const { study, runs } = await readStudy('latest', folder.path)
  if (study.kind !== 'sweep') throw new Error(`the study is a ${study.kind}`)
  const points = study.sweep.points.map(({ target, of, levels: [at = 0] }): Met => {
    const run = runs.findLast(({ record }) => record.target.name === target)
    const level = levels[at]
    if (run === undefined || level === undefined) throw new Error(`${target} was not run`)
    return { target: of, set: level, record: run.record }
  })
  const report = readFileSync(join(folder.path, 'reports', study.id, 'report.md'), 'utf8')
  return { points, question: study.question, report }
}

/** A large table takes minutes to load: one of those it would be aged to, and small ones for the rest. */
function fewRows(axis: WantedAxis): WantedAxis {
  if (axis.path !== ROWS_PATH) return axis
  const rows = axis.levels.map(({ set }) => Number(set[ROWS_PATH]))
  const scale = AGED_ROWS_MAX / Math.max(...rows)
  return {
    ...axis,
    levels: rows.map((own, at) => {
      const few = at === 0 ? Math.min(own, AGED_ROWS_MAX) : Math.round(own * scale * 0.1)
      return { label: String(few), set: { [ROWS_PATH]: few } }
    }),
  }
}

function diagonal(axes: readonly WantedAxis[]): readonly Assignments[] {
  const longest = Math.max(...axes.map(({ levels }) => levels.length))
  return Array.from({ length: longest }, (_, at): Assignments => {
    const own = axes.map(({ levels }) => levels[Math.min(at, levels.length - 1)]?.set ?? {})
    return Object.assign({}, ...own) as Assignments
  })
}

function smallScenario(sweep: LoadedSweep, axes: readonly WantedAxis[]): unknown {
  const { scenario } = loadScenario(sweep.scenario)
  const batches = axes.flatMap(({ levels }) =>
    levels.map(({ set }) => Number(set['scenario.batchEvents'] ?? scenario.batchEvents)),
  )
  return {
    ...scenario,
    rate: {
      kind: 'constant',
      ratePerS: Math.max(RATE_PER_S, REQUESTS_PER_S * Math.max(...batches)),
    },
    phases: { warmupS: 0.5, measureS: 1, drainS: 8 },
    initialRows: Math.min(scenario.initialRows, ROWS),
    slos: [],
    stop: 'at-end',
    slowDisk: 'never',
    rounds: 1,
  }
}

function smallSweep(sweep: LoadedSweep, levels: readonly Assignments[]): unknown {
  const set = Object.entries(sweep.set).filter(([path]) => !OF_THE_SCALE.test(path))
  return {
    name: sweep.name,
    question: sweep.question,
    scenario: './small.yaml',
    targets: sweep.targets,
    figures: sweep.figures,
    set: Object.fromEntries(set),
    vary: [
      {
        name: 'step',
        levels: Object.fromEntries(levels.map((level, at) => [String(at + 1), level])),
      },
    ],
    rounds: 1,
  }
}
