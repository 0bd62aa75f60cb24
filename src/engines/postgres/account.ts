/**
 * Who PostgreSQL runs as. It refuses to run as root; so as root it is given another user id: by dropping to `nobody`
 * where that user can read the programs and reach the data, else inside a user namespace (there it still reads what
 * only root can read), else from readable copies below the system's folder for temporary files.
 */
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  cpSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import type { ProgramCommand } from '../packages/installed.ts'
import { underOwnLoader } from '../packages/installed.ts'
import { PACKAGES } from '../packages/catalogue.ts'
import type { PostgresBinaries } from './binaries.ts'
import { linkLibraries } from './binaries.ts'
import type { ExtensionPackage } from './extensions.ts'

export type AccountKind = 'self' | 'dropped' | 'namespace' | 'copied'

export interface PostgresHome {
  readonly account: AccountKind
  readonly binaries: PostgresBinaries
  /** Unpacked extensions, where the account reads them. */
  readonly packages: readonly ExtensionPackage[]
  /** Where PGDATA is to be made; owned by the account, mode 0700. */
  readonly dir: string
  /** What to spawn so that `program` of bin/ runs under the account. */
  commandFor(program: string, args: readonly string[]): PostgresCommand
  /** Gives a file made by us, or a folder with all that is in it, to the account. */
  own(path: string): void
  /** Removes what was put outside of the caller's data folder. */
  dispose(): void
}

export interface PostgresCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
}

/** The traditional `nobody`; any id that owns nothing will do. */
const NOBODY = 65_534

export interface HomeOptions {
  /** Extensions that the server will load. */
  readonly packages?: readonly ExtensionPackage[]
  /** For tests: the ways to try, in order. */
  readonly ways?: readonly AccountKind[]
}

/**
 * Finds the first way that really works here, by trying it.
 * @param dataDir exists; PGDATA is made below it unless the account cannot reach it
 * @throws HeadroomError ENGINE_MISSING where none works
 */
export function findHome(
  nativeDir: string,
  dataDir: string,
  { packages = [], ways = waysHere() }: HomeOptions = {},
): PostgresHome {
  const from = { nativeDir, packages }
  const failures: string[] = []
  for (const way of ways) {
    const home = way === 'copied' ? copiedHome(from) : plainHome(way, from, dataDir)
    const failure = tryHome(home)
    if (failure === null) return home
    failures.push(`${way}: ${failure}`)
    home.dispose()
  }
  throw new HeadroomError('ENGINE_MISSING', 'PostgreSQL cannot run under any account tried here', {
    hint: `${failures.join('; ')}. Run Headroom as a normal user, or name your own server with --postgres`,
  })
}

function waysHere(): readonly AccountKind[] {
  return process.getuid?.() === 0 ? ['dropped', 'namespace', 'copied'] : ['self']
}

/** What there is to run and to load. */
interface Installed {
  readonly nativeDir: string
  readonly packages: readonly ExtensionPackage[]
}

/** Only the server loads extensions; everything else runs as the npm package has it. */
function programIn(
  { nativeDir, packages }: Installed,
  { env }: PostgresBinaries,
  program: string,
): ProgramCommand {
  const file = join(nativeDir, 'bin', program)
  const loader = packages.find(({ ownLoader }) => ownLoader)
  if (program !== 'postgres' || loader === undefined) return { command: file, args: [] }
  const libraries = Object.values(env).flatMap((path) => path.split(':'))
  return underOwnLoader(loader.installed, file, [...libraries, join(nativeDir, 'lib')])
}

function plainHome(
  account: Exclude<AccountKind, 'copied'>,
  from: Installed,
  dataDir: string,
): PostgresHome {
  const dir = join(dataDir, 'home')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { mode: 0o700 })
  const binaries = linkLibraries(from.nativeDir, join(dir, 'lib'))
  if (account === 'dropped') giveAway(dir)
  return {
    account,
    binaries,
    packages: from.packages,
    dir,
    commandFor: (program, given) => {
      const { command, args: before } = programIn(from, binaries, program)
      const args = [...before, ...given]
      const { env } = binaries
      if (account === 'dropped') return { command, args, env, uid: NOBODY, gid: NOBODY }
      if (account === 'self') return { command, args, env }
      const asNobody = ['--user', `--map-user=${String(NOBODY)}`, `--map-group=${String(NOBODY)}`]
      return { command: 'unshare', args: [...asNobody, '--', command, ...args], env }
    },
    own: (path) => {
      if (account === 'dropped') giveAway(path)
    },
    dispose: () => {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Programs (about 110 MB), extensions and data in a folder of their own that `nobody` can reach. */
function copiedHome({ nativeDir, packages }: Installed): PostgresHome {
  const outer = mkdtempSync(join(tmpdir(), 'headroom-postgres-'))
  claimDataDir(outer)
  chownSync(outer, NOBODY, NOBODY)
  const copy = join(outer, 'native')
  cpSync(nativeDir, copy, { recursive: true, verbatimSymlinks: true })
  const copies = packages.map((one) => {
    const root = join(outer, one.extension)
    cpSync(one.installed.root, root, { recursive: true, verbatimSymlinks: true })
    return { ...one, installed: { ...one.installed, root } }
  })
  const dir = join(outer, 'home')
  mkdirSync(dir, { mode: 0o700 })
  // The package lists its links relative to its own root, which the copy has too.
  const binaries = linkLibraries(copy, join(dir, 'lib'))
  giveAway(outer)
  return {
    account: 'copied',
    binaries,
    packages: copies,
    dir,
    commandFor: (program, args) => {
      const found = programIn({ nativeDir: copy, packages: copies }, binaries, program)
      return {
        command: found.command,
        args: [...found.args, ...args],
        env: binaries.env,
        uid: NOBODY,
        gid: NOBODY,
      }
    },
    own: giveAway,
    dispose: () => {
      releaseDataDir(outer)
    },
  }
}

/** Runs the server's `--version`, writes a file and reads extensions as the account: null when all works, else what failed. */
function tryHome(home: PostgresHome): string | null {
  try {
    const version = runSync(home.commandFor('postgres', ['--version']))
    if (version !== null) return version
    const { uid, gid } = home.commandFor('postgres', [])
    if (uid === undefined) return null
    return runSync({
      command: '/bin/sh',
      args: ['-c', TRIAL, 'sh', join(home.dir, 'writable'), ...home.packages.map(fileOf)],
      env: {},
      uid,
      ...(gid === undefined ? {} : { gid }),
    })
  } catch (error) {
    return messageOf(error)
  }
}

const TRIAL = 'touch "$1" && rm "$1" && shift && for file; do [ -r "$file" ] || exit 1; done'

function fileOf({ installed }: ExtensionPackage): string {
  return join(installed.root, PACKAGES[installed.name].provides)
}

function runSync({ command, args, env, uid, gid }: PostgresCommand): string | null {
  const done = spawnSync(command, args, {
    cwd: '/',
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 20_000,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  if (done.error !== undefined) return done.error.message
  return done.status === 0 ? null : done.stderr.trim() || `exit code ${String(done.status)}`
}

function giveAway(path: string): void {
  lchownSync(path, NOBODY, NOBODY)
  if (!lstatSync(path).isDirectory()) return
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) giveAway(child)
    else lchownSync(child, NOBODY, NOBODY)
  }
}
