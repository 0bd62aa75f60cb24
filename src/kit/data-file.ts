/**
 * Finds scenarios, targets, profiles and triggers by name or by path. In: what the user typed. Out: an absolute path.
 * A name is looked up in the user's own folder first, then among those that ship with the package.
 */
import { existsSync, readdirSync } from 'node:fs'
import { basename, isAbsolute, join, resolve } from 'node:path'
import type { ErrorCode } from './errors.ts'
import { HeadroomError } from './errors.ts'
import { suggest } from './nearest.ts'
import { packageRoot } from './paths.ts'

export interface DataKind {
  /** `scenario`, for messages. */
  readonly what: string
  /** `scenarios`. */
  readonly folder: string
  readonly unknown: ErrorCode
}

export const DATA_KINDS = {
  scenario: { what: 'scenario', folder: 'scenarios', unknown: 'UNKNOWN_SCENARIO' },
  target: { what: 'target', folder: 'targets', unknown: 'UNKNOWN_TARGET' },
  profile: { what: 'profile', folder: 'profiles', unknown: 'BAD_INPUT' },
  sweep: { what: 'sweep', folder: 'scenarios/sweeps', unknown: 'UNKNOWN_SCENARIO' },
  trigger: { what: 'trigger', folder: 'triggers', unknown: 'BAD_INPUT' },
  claim: { what: 'claim', folder: 'claims', unknown: 'BAD_INPUT' },
  experiment: { what: 'experiment', folder: 'scenarios/experiments', unknown: 'BAD_INPUT' },
} as const satisfies Record<string, DataKind>

/** @throws HeadroomError with the kind's own code when no file has this name; a path is believed as it is. */
export function findDataFile(kind: DataKind, nameOrPath: string): string {
  if (isPath(nameOrPath)) return resolve(nameOrPath)
  const found = dataFiles(kind).find((file) => nameOf(file) === nameOrPath)
  if (found !== undefined) return found
  throw new HeadroomError(kind.unknown, `there is no ${kind.what} called "${nameOrPath}"`, {
    hint: `${suggest(nameOrPath, dataFiles(kind).map(nameOf))} (or give the path of a YAML file)`,
  })
}

/** All files of a kind by absolute path, sorted by name; the user's own hide those of the package. */
export function dataFiles(kind: DataKind): readonly string[] {
  const byName = new Map<string, string>()
  for (const root of [packageRoot, process.cwd()]) {
    for (const file of yamlFilesIn(join(root, kind.folder))) byName.set(nameOf(file), file)
  }
  return [...byName.values()].sort((a, b) => nameOf(a).localeCompare(nameOf(b), 'en'))
}

export function nameOf(file: string): string {
  return basename(file).replace(/\.ya?ml$/, '')
}

function isPath(text: string): boolean {
  return isAbsolute(text) || /[/\\]|\.ya?ml$/.test(text)
}

function yamlFilesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(folder, name))
}
