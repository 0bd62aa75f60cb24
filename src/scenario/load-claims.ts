/**
 * claims/*.yaml and scenarios/experiments/*.yaml -> what can be measured. In: ids or paths, or nothing for all. Out: the
 * claims and the experiments that measure them, each once. Throws one BAD_INPUT with every problem of a file.
 */
import { DATA_KINDS, dataFiles, findDataFile, nameOf } from '../kit/data-file.ts'
import { HeadroomError } from '../kit/errors.ts'
import { suggest } from '../kit/nearest.ts'
import { parseYamlFile } from '../kit/yaml-door.ts'
import { Claim } from './claim.ts'
import { Experiment } from './experiment.ts'
import { claimFindings, experimentFindings } from './experiment-findings.ts'

export interface LoadedClaims {
  readonly claims: readonly Claim[]
  /** In the order in which their first claim comes. */
  readonly experiments: readonly Experiment[]
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function loadClaims(wanted: readonly string[]): LoadedClaims {
  const experiments = new Map<string, Experiment>()
  const experimentOf = (name: string): Experiment => {
    const known = experiments.get(name)
    if (known !== undefined) return known
    const loaded = loadExperiment(name)
    experiments.set(name, loaded)
    return loaded
  }
  const claims = filesOf(wanted).map((file) =>
    parseYamlFile(Claim, file, {
      what: 'claim',
      check: (claim) => claimFindings(claim, experimentOf(claim.experiment)),
    }),
  )
  const twice = claims.find(({ id }, index) => claims.findIndex((one) => one.id === id) < index)
  if (twice !== undefined) {
    throw new HeadroomError('BAD_INPUT', `two files define the claim ${twice.id}`, {
      hint: 'give one of them another id, or ask for one of them',
    })
  }
  const used = new Set(claims.map(({ experiment }) => experiment))
  return {
    claims,
    experiments: [...used].map(experimentOf),
  }
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function loadExperiment(name: string): Experiment {
  const file = findDataFile(DATA_KINDS.experiment, name)
  return parseYamlFile(Experiment, file, { what: 'experiment', check: experimentFindings })
}

/** An id is the beginning of a file's name up to its first dash: `G1` is `g1-index-cost.yaml`. */
function filesOf(wanted: readonly string[]): readonly string[] {
  const known = [...dataFiles(DATA_KINDS.claim)].sort((a, b) =>
    nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true }),
  )
  if (wanted.length === 0) return known
  return wanted.map((word) => {
    if (/[/\\]|\.ya?ml$/.test(word)) return findDataFile(DATA_KINDS.claim, word)
    const found = known.find((file) => idOf(file) === word.toLowerCase() || nameOf(file) === word)
    if (found !== undefined) return found
    const ids = known.map((file) => idOf(file).toUpperCase())
    throw new HeadroomError('BAD_INPUT', `there is no claim "${word}"`, {
      hint: `${suggest(word, ids)} (or give the path of a YAML file)`,
    })
  })
}

function idOf(file: string): string {
  return nameOf(file).split('-')[0] ?? ''
}
