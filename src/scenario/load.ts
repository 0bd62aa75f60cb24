/**
 * Name or path -> a scenario that can be run. In: what the user typed. Out: the parsed scenario, its file, and the folder
 * its relative paths start from. Throws one BAD_INPUT with every problem.
 */
import { dirname } from 'node:path'
import { DATA_KINDS, findDataFile } from '../kit/data-file.ts'
import { HeadroomError } from '../kit/errors.ts'
import { parseYamlFile, pathText } from '../kit/yaml-door.ts'
import { scenarioFindings } from './consistency.ts'
import type { RateShape } from './scenario.ts'
import { Scenario } from './scenario.ts'

export interface LoadedScenario {
  readonly scenario: Scenario
  readonly file: string
  /** Where `rate.file` of a recorded scenario starts from. */
  readonly dir: string
}

/** What the command line may say instead of the file. */
export interface ScenarioOverrides {
  readonly rounds?: number | undefined
  readonly initialRows?: number | undefined
  /** The steps of a stepped ramp, or the one rate of a constant scenario. */
  readonly ratesPerS?: readonly number[] | undefined
}

/** @throws HeadroomError UNKNOWN_SCENARIO, FILE_NOT_FOUND or BAD_INPUT with every problem */
export function loadScenario(
  nameOrPath: string,
  overrides: ScenarioOverrides = {},
): LoadedScenario {
  const file = findDataFile(DATA_KINDS.scenario, nameOrPath)
  const dir = dirname(file)
  const written = parseYamlFile(Scenario, file, {
    what: 'scenario',
    check: (value) => scenarioFindings(value, dir),
  })
  const scenario: Scenario = {
    ...written,
    rounds: overrides.rounds ?? written.rounds,
    initialRows: overrides.initialRows ?? written.initialRows,
    rate: rateWith(written, overrides.ratesPerS),
  }
  const problems = scenarioFindings(scenario, dir).map(({ path, message, remedy }) => ({
    file: 'command line',
    line: null,
    path: pathText(path),
    message,
    remedy,
  }))
  if (problems.length > 0) {
    throw new HeadroomError('BAD_INPUT', `${written.name} cannot be run like this`, { problems })
  }
  return { scenario, file, dir }
}

function rateWith({ name, rate }: Scenario, ratesPerS: readonly number[] | undefined): RateShape {
  if (ratesPerS === undefined) return rate
  if (rate.kind === 'steps') return { ...rate, ratesPerS: [...ratesPerS] }
  const [only, ...more] = ratesPerS
  if (rate.kind === 'constant' && only !== undefined && more.length === 0) {
    return { ...rate, ratePerS: only }
  }
  const takes = rate.kind === 'constant' ? 'takes one rate' : `has a ${rate.kind} rate`
  throw new HeadroomError('BAD_INPUT', `--rates does not fit: scenario ${name} ${takes}`, {
    hint: 'use it with a stepped scenario like quick, or with one value for a constant one',
  })
}
