/** What there is to choose from. In: the data folders, the registry, the results on disk. Out: named entries per kind. */
import type { Needs } from '../architecture/architecture.ts'
import { METRICS } from '../collect/metrics.ts'
import { DATA_KINDS, dataFiles, nameOf } from '../kit/data-file.ts'
import type { DataKind } from '../kit/data-file.ts'
import { HeadroomError } from '../kit/errors.ts'
import { formatRate } from '../kit/units.ts'
import { shownPath } from '../kit/yaml-door.ts'
import { listStudies } from '../results/store.ts'
import { loadClaims, loadExperiment } from '../scenario/load-claims.ts'
import { loadScenario } from '../scenario/load.ts'
import { loadSweep } from '../study/sweep/sweep-file.ts'
import { loadTarget } from '../target/load.ts'
import { architectures } from '../target/registry.ts'
import { loadProfile } from './load-profile.ts'
import { loadTriggers } from './load-triggers.ts'

export interface Entry {
  readonly name: string
  readonly description: string
  readonly file?: string
}

export interface CatalogueOptions {
  /** Folder below which results/ lies. */
  readonly resultsBaseDir: string
}
export type Catalogue = (options: CatalogueOptions) => Promise<readonly Entry[]>

export const CATALOGUES: Readonly<Record<string, Catalogue>> = {
  scenarios: () =>
    fromFiles(DATA_KINDS.scenario, (file) => loadScenario(file).scenario.description),
  sweeps: () => fromFiles(DATA_KINDS.sweep, sweepText),
  targets: () => fromFiles(DATA_KINDS.target, (file) => loadTarget(file).description),
  architectures: () =>
    Promise.resolve(
      architectures.map(({ id, title, needs }) => ({
        name: id,
        description: `${title} (needs ${kindsIn(needs).join(' and ')})`,
      })),
    ),
  profiles: () => fromFiles(DATA_KINDS.profile, profileText),
  triggers: () =>
    Promise.resolve(
      loadTriggers().map(({ id, title, action }) => ({
        name: id,
        description: `${title}: ${action}`,
      })),
    ),
  claims: () =>
    Promise.resolve(
      loadClaims([]).claims.map(({ id, title, source }) => ({
        name: id,
        description: `${title} (${source.document})`,
      })),
    ),
  experiments: () => fromFiles(DATA_KINDS.experiment, (file) => loadExperiment(file).description),
  runs: async ({ resultsBaseDir }) => {
    const studies = await listStudies(resultsBaseDir)
    return studies.map(({ id, dir, question, because }) => ({
      name: id,
      description: question ?? because ?? '',
      file: dir,
    }))
  },
  metrics: () =>
    Promise.resolve(
      METRICS.map(({ id, unit, meaning, label, better }) => ({
        name: label === null ? id : `${id}{${label}}`,
        description: `${meaning} [${unit}${better === 'neither' ? '' : `, ${better} is better`}]`,
      })),
    ),
}

function kindsIn(needs: Needs): readonly string[] {
  const kinds = Object.values(needs).map((need) => (typeof need === 'string' ? need : need.kind))
  return [...new Set(kinds)]
}

/** A file that cannot be read is listed with the reason: a list is no place to fail. */
function fromFiles(kind: DataKind, describe: (file: string) => string): Promise<readonly Entry[]> {
  return Promise.resolve(
    dataFiles(kind).map((file) => ({
      name: nameOf(file),
      description: described(file, describe),
      file: shownPath(file),
    })),
  )
}

function described(file: string, describe: (file: string) => string): string {
  try {
    return describe(file)
  } catch (error) {
    if (error instanceof HeadroomError) return `cannot be used: ${error.message}`
    throw error
  }
}

function sweepText(file: string): string {
  const { documents, question } = loadSweep(file)
  return [documents.join(', '), question].filter((words) => words !== '').join(': ')
}

function profileText(file: string): string {
  const profile = loadProfile(file, { ratePerS: undefined, growthPerMonthRatio: undefined })
  return `${formatRate(profile.ratePerS)} now. ${profile.description}`.trim()
}
