/**
 * Extensions that an architecture needs. In: their names. Out: what the server must be started with to have them, and the
 * statements that make them; or one error that says which is missing and how to get it.
 */
import type { Client } from 'pg'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import type { Log } from '../../kit/log.ts'
import type { EngineSettings } from '../engine.ts'
import type { PackageName } from '../packages/catalogue.ts'
import { PACKAGES } from '../packages/catalogue.ts'
import type { InstalledPackage } from '../packages/installed.ts'
import { findPackage } from '../packages/installed.ts'
import { quoteName } from './quote-name.ts'

/** An unpacked extension, where a server finds it. */
export interface ExtensionPackage {
  readonly extension: string
  readonly installed: InstalledPackage
  /** Built for a newer C library than a system may have: the server runs under the package's own. */
  readonly ownLoader: boolean
}

interface Known {
  /** Where the npm package's PostgreSQL gets it from; null: it brings it. */
  readonly packageName: PackageName | null
  readonly ownLoader: boolean
  readonly preload: string | null
  readonly settings: EngineSettings
  /** Made before it. */
  readonly schema: string | null
  /** The image of docker-compose.yml that has it: a service there; null: none has. */
  readonly composeService: 'postgres' | 'timescaledb' | null
  /** It keeps what it is told in tables of its own: in a database that is shared they would outlive the run. */
  readonly ownDatabase: boolean
}

const PLAIN: Known = {
  packageName: null,
  ownLoader: false,
  preload: null,
  settings: {},
  schema: null,
  composeService: 'postgres',
  ownDatabase: false,
}

const KNOWN: Readonly<Record<string, Known>> = {
  timescaledb: {
    ...PLAIN,
    packageName: 'timescaledb',
    ownLoader: true,
    preload: 'timescaledb',
    // A server under measurement calls nobody.
    settings: { 'timescaledb.telemetry_level': 'off' },
    composeService: 'timescaledb',
  },
  pg_partman: {
    ...PLAIN,
    packageName: 'pg_partman',
    preload: 'pg_partman_bgw',
    schema: 'partman',
    composeService: null,
    ownDatabase: true,
  },
}

function known(extension: string): Known {
  return KNOWN[extension] ?? PLAIN
}

/** Whether a server that is started here can have it. */
export function isInstalled(extension: string): boolean {
  const { packageName } = known(extension)
  return packageName === null || findPackage(packageName) !== null
}

/** Whether a container of docker-compose.yml can have it. */
export function isInAnImage(extension: string): boolean {
  return known(extension).composeService !== null
}

/**
 * The service of docker-compose.yml whose image has them all.
 * @throws HeadroomError ENGINE_MISSING
 */
export function composeServiceWith(extensions: readonly string[]): 'postgres' | 'timescaledb' {
  const without = extensions.find((extension) => !isInAnImage(extension))
  if (without !== undefined) {
    throw new HeadroomError(
      'ENGINE_MISSING',
      `no image of docker-compose.yml has the extension ${without}`,
      {
        hint: `run it with --engines embedded, or on a PostgreSQL of your own that has ${without}`,
      },
    )
  }
  return extensions.some((extension) => known(extension).composeService === 'timescaledb')
    ? 'timescaledb'
    : 'postgres'
}

/** @throws HeadroomError ENGINE_RIGHTS_MISSING where one of them needs a database that is the run's alone */
export function requireOwnDatabase(extensions: readonly string[] = []): void {
  const refused = extensions.find((extension) => known(extension).ownDatabase)
  if (refused === undefined) return
  throw new HeadroomError(
    'ENGINE_RIGHTS_MISSING',
    `${refused} keeps what it is told in tables of the whole database, and this role works in one schema of it`,
    { hint: `ALTER ROLE … CREATEDB, or a target that does without ${refused}` },
  )
}

/** @throws HeadroomError ENGINE_MISSING with the command that gets it */
export function requireExtensionPackages(
  extensions: readonly string[] = [],
): readonly ExtensionPackage[] {
  return extensions.flatMap((extension) => {
    const { packageName, ownLoader } = known(extension)
    if (packageName === null) return []
    const installed = findPackage(packageName)
    if (installed !== null) return [{ extension, installed, ownLoader }]
    const { title, otherwise } = PACKAGES[packageName]
    throw new HeadroomError('ENGINE_MISSING', `${title} is not installed`, {
      hint: `headroom engines install ${packageName}, or ${otherwise}`,
    })
  })
}

/** What a server of this database is started with to have them; whatever a target asks for stays in force. */
export function withExtensions(
  settings: EngineSettings,
  extensions: readonly string[] = [],
  database: string,
): EngineSettings {
  const preloads = extensions.flatMap((extension) => known(extension).preload ?? [])
  const own = Object.assign({}, ...extensions.map((name) => known(name).settings)) as EngineSettings
  const libraries = [...preloads, ...wordsIn(settings['shared_preload_libraries'])]
  return {
    ...own,
    ...(preloads.includes('pg_partman_bgw')
      ? { 'pg_partman_bgw.dbname': database, 'pg_partman_bgw.role': 'headroom' }
      : {}),
    ...settings,
    ...(preloads.length === 0
      ? {}
      : { shared_preload_libraries: [...new Set(libraries)].join(',') }),
  }
}

/** Where PostgreSQL 18 looks for what was unpacked beside it: nothing is copied into it. */
export function searchPaths(packages: readonly ExtensionPackage[]): EngineSettings {
  if (packages.length === 0) return {}
  const roots = packages.map(({ installed }) => installed.root)
  const paths = (first: string, below: string): string =>
    [first, ...roots.map((root) => `${root}/${below}`)].join(':')
  return {
    extension_control_path: paths('$system', 'usr/share/postgresql/18'),
    dynamic_library_path: paths('$libdir', 'usr/lib/postgresql/18/lib'),
  }
}

/**
 * Makes them in this database, or finds them there.
 * @throws HeadroomError ENGINE_MISSING where the server has one not, or refuses it to this user
 */
export async function makeExtensions(
  client: Client,
  server: string,
  extensions: readonly string[] = [],
): Promise<void> {
  for (const extension of extensions) {
    const { schema } = known(extension)
    try {
      if (schema !== null) await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`)
      const where = schema === null ? '' : ` SCHEMA ${quoteName(schema)}`
      await client.query(`CREATE EXTENSION IF NOT EXISTS ${quoteName(extension)}${where}`)
    } catch (error) {
      throw new HeadroomError(
        'ENGINE_MISSING',
        `${server} cannot have the extension ${extension}: ${messageOf(error)}`,
        {
          hint: 'install it on that server, or leave the server out: then one is started here',
          cause: error,
        },
      )
    }
  }
}

/** Makes those that this server can have and says of the others why not. */
export async function makeWanted(
  client: Client,
  server: string,
  { wants = [], log }: { readonly wants?: readonly string[] | undefined; readonly log: Log },
): Promise<void> {
  for (const extension of wants) {
    const found = await client.query('SELECT FROM pg_available_extensions WHERE name = $1', [
      extension,
    ])
    if (found.rowCount === 0) {
      log(`${server} has no ${extension}: done without`)
      continue
    }
    try {
      await makeExtensions(client, server, [extension])
    } catch (error) {
      if (!(error instanceof HeadroomError)) throw error
      log(`${error.message}: done without`)
    }
  }
}

function wordsIn(list = ''): readonly string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}
