/**
 * Where unpacked engines lie and how their programs are run. In: a name. Out: the folder, its manifest, and a command
 * line that runs a program of it under the libraries it was built against, whatever this system's own are.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../../kit/paths.ts'
import type { PackageName } from './catalogue.ts'
import { PACKAGES } from './catalogue.ts'

export const manifestSchema = z.object({
  schema: z.literal(1),
  name: z.string(),
  /** Of the first package, as Debian writes it: `5:8.0.2-3+deb13u2`. */
  version: z.string(),
  architecture: z.string(),
  installedAt: z.string(),
  /** Whether apt checked the signature of the index that the checksums come from. */
  signature: z.enum(['checked', 'not-checked']),
  debs: z.array(z.object({ name: z.string(), version: z.string(), sha256: z.string() })),
})
export type PackageManifest = z.infer<typeof manifestSchema>

export interface InstalledPackage {
  readonly name: PackageName
  readonly manifest: PackageManifest
  /** `usr/…` lies below it. */
  readonly root: string
}

export interface ProgramCommand {
  readonly command: string
  readonly args: readonly string[]
}

/**
 * Where packages are looked for, the first one first, and installed: HEADROOM_ENGINES_DIR; else `.headroom/engines` of the
 * checkout; else that of the folder the command runs in.
 */
export function enginesDirs(env: NodeJS.ProcessEnv = process.env): readonly [string, ...string[]] {
  const named = env['HEADROOM_ENGINES_DIR']
  if (named !== undefined && named !== '') return [resolve(named)]
  const here = join(resolve('.'), '.headroom', 'engines')
  // What lies in node_modules belongs to npm, which removes it at the next install.
  if (packageRoot.includes('node_modules')) return [here]
  return [join(packageRoot, '.headroom', 'engines'), here]
}

/** null where it is not installed. */
export function findPackage(
  name: PackageName,
  dirs: readonly string[] = enginesDirs(),
): InstalledPackage | null {
  for (const dir of dirs) {
    const found = readPackage(join(dir, name), name)
    if (found !== null) return found
  }
  return null
}

/** A folder that somebody half removed, or that another version wrote, is not installed. */
export function readPackage(dir: string, name: PackageName): InstalledPackage | null {
  const root = join(dir, 'root')
  if (!existsSync(join(root, PACKAGES[name].provides))) return null
  try {
    const text = readFileSync(join(dir, 'manifest.json'), 'utf8')
    const manifest = manifestSchema.safeParse(JSON.parse(text))
    return manifest.success ? { name, manifest: manifest.data, root } : null
  } catch {
    return null
  }
}

/** `5:8.0.2-3+deb13u2` → `8.0.2`. */
export function upstreamVersion(debianVersion: string): string {
  return debianVersion.replace(/^\d+:/, '').replace(/[-+~].*$/, '')
}

/** Runs a program of the package, or one built against the same libraries, under the package's own loader. */
export function underOwnLoader(
  { root }: InstalledPackage,
  program: string,
  extraLibraries: readonly string[] = [],
): ProgramCommand {
  const libraries = libraryDirs(root)
  const loader = libraries.flatMap(loadersIn)[0]
  // Nothing but programs that need no libc of their own would come without one.
  if (loader === undefined) return { command: program, args: [] }
  const path = [...libraries, ...extraLibraries].join(':')
  return {
    command: loader,
    args: ['--library-path', path, program],
  }
}

/** `usr/lib/x86_64-linux-gnu` and what lies below it that programs load from. */
function libraryDirs(root: string): readonly string[] {
  return ['usr/lib', 'lib'].flatMap((parent) => {
    const dir = join(root, parent)
    if (!existsSync(dir)) return []
    return readdirSync(dir)
      .filter((entry) => entry.endsWith('-linux-gnu'))
      .map((entry) => join(dir, entry))
  })
}

function loadersIn(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((entry) => /^ld-linux.*\.so\.\d+$/.test(entry))
    .map((entry) => join(dir, entry))
}
