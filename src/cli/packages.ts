/**
 * Engines and extensions that npm does not bring, in the user's words. In: names. Out: what is here, what it would unlock,
 * and the one command that gets it.
 */
import type { PackageName } from '../engines/packages/catalogue.ts'
import { PACKAGES, PACKAGE_NAMES } from '../engines/packages/catalogue.ts'
import type { Installation, InstallOptions } from '../engines/packages/install.ts'
import { installPackages } from '../engines/packages/install.ts'
import { enginesDirs, findPackage, upstreamVersion } from '../engines/packages/installed.ts'
import { findProgram } from '../engines/packages/program.ts'
import { HeadroomError } from '../kit/errors.ts'
import { suggest } from '../kit/nearest.ts'
import { architectures } from '../target/registry.ts'
import { needsOf, withDefaultNeeds } from '../target/roles.ts'
import type { Check } from './doctor.ts'

export interface PackageEntry {
  readonly name: PackageName
  readonly title: string
  readonly isInstalled: boolean
  /** null where it is not installed. */
  readonly version: string | null
  readonly dir: string | null
  /** null where it is not installed. */
  readonly signature: 'checked' | 'not-checked' | null
  readonly unlocks: readonly string[]
  /** The one command that gets it; null where it is installed. */
  readonly command: string | null
  /** What to do where there is no apt. */
  readonly otherwise: string
}

/** @throws HeadroomError BAD_INPUT for a name that is none */
export function list(names: readonly string[]): readonly PackageEntry[] {
  return packageNames(names).map((name) => {
    const found = findPackage(name)
    return {
      name,
      title: PACKAGES[name].title,
      isInstalled: found !== null,
      version: found === null ? null : upstreamVersion(found.manifest.version),
      dir: found?.root ?? null,
      signature: found?.manifest.signature ?? null,
      unlocks: unlockedBy(name),
      command: found === null ? installCommand(name) : null,
      otherwise: PACKAGES[name].otherwise,
    }
  })
}

/** What doctor says of each: a machine without is not incomplete, but some things cannot run on it. */
export function packageChecks(): readonly Check[] {
  return list([]).map(({ name, title, version, unlocks, otherwise }) => {
    if (version !== null) {
      return { state: 'ok', subject: name, finding: `${title} ${version}`, remedy: null }
    }
    if ((name === 'redis' || name === 'pgbouncer') && findProgram(name) !== null) {
      return { state: 'ok', subject: name, finding: `${title} is on the PATH`, remedy: null }
    }
    const finding = `${title} is not installed: cannot run ${unlocks.join(', ')}`
    const remedy = `${installCommand(name)}, or ${otherwise}`
    return { state: 'warning', subject: name, finding, remedy }
  })
}

/** @throws HeadroomError BAD_INPUT, ENGINE_MISSING, DISK_FULL */
export async function install(
  names: readonly string[],
  options: Omit<InstallOptions, 'dir'>,
): Promise<{ readonly dir: string; readonly engines: readonly Installation[] }> {
  const [dir] = enginesDirs()
  return { dir, engines: await installPackages(packageNames(names), { ...options, dir }) }
}

export function listLines(entries: readonly PackageEntry[]): readonly string[] {
  return entries.flatMap(({ name, title, version, unlocks, command }) => [
    `${name.padEnd(NAME_COLUMN)} ${title}: ${version === null ? 'not installed' : `${version} is installed`}`,
    `${''.padEnd(NAME_COLUMN)} for ${unlocks.join(', ')}`,
    ...(command === null ? [] : [`${''.padEnd(NAME_COLUMN)} ${command}`]),
  ])
}

export function installationLine({ name, state, manifest }: Installation): string {
  const version = upstreamVersion(manifest.version)
  const what = state === 'installed' ? `${version} installed` : `${version} was here already`
  const trust =
    manifest.signature === 'checked'
      ? 'signature of Debian’s index and checksums checked'
      : 'checksums checked, the SIGNATURE of Debian’s index WAS NOT'
  return `${name.padEnd(NAME_COLUMN)} ${what} (${trust})`
}

function installCommand(name: PackageName): string {
  return `headroom engines install ${name}`
}

/** What cannot run without it. */
function unlockedBy(name: PackageName): readonly string[] {
  const users = architectures
    .filter((architecture) =>
      needsOf(withDefaultNeeds(architecture)).some(
        ([, { kind, extensions }]) => kind === name || extensions.includes(name),
      ),
    )
    .map(({ id }) => id)
  return [...users, ...ALSO[name]]
}

const NAME_COLUMN = 12

/** Beside the architectures, which say themselves what they need. */
const ALSO: Readonly<Record<PackageName, readonly string[]>> = {
  redis: ['pg-partitioned with dedup: redis-window', 'tests of a Redis of your own'],
  pgbouncer: ['PostgreSQL targets behind a pooler'],
  timescaledb: ['hypertables'],
  pg_partman: [
    'pg-partitioned with maintenance: pg_partman (with auto its worker makes partitions itself)',
  ],
}

function packageNames(names: readonly string[]): readonly PackageName[] {
  if (names.length === 0) return PACKAGE_NAMES
  return [...new Set(names)].map((given) => {
    const name = PACKAGE_NAMES.find((known) => known === given)
    if (name !== undefined) return name
    throw new HeadroomError('BAD_INPUT', `no engine that can be installed is called "${given}"`, {
      hint: suggest(given, PACKAGE_NAMES),
    })
  })
}
