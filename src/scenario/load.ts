/**
 * Name or path -> a scenario that can be run. In: what the user typed. Out: the parsed scenario, its file, and the folder
 * its relative paths start from. Throws one BAD_INPUT with every problem.
 */
import { dirname } from 'node:path'
import { DATA_KINDS, findDataFile } from '../kit/data-file.ts'
import { parseYamlFile } from '../kit/yaml-door.ts'
import { scenarioFindings } from './consistency.ts'
import { Scenario } from './scenario.ts'

export interface LoadedScenario {
  readonly scenario: Scenario
  readonly file: string
  /** Where `rate.file` of a recorded scenario starts from. */
  readonly dir: string
}

export function loadScenario(nameOrPath: string): LoadedScenario {
  const file = findDataFile(DATA_KINDS.scenario, nameOrPath)
  const dir = dirname(file)
  const scenario = parseYamlFile(Scenario, file, {
    what: 'scenario',
    check: (value) => scenarioFindings(value, dir),
  })
  return { scenario, file, dir }
}
