/**
 * `headroom engines install`. In: names. Out: each of them unpacked below the engines folder, whole or not at all: it is put
 * together beside its place and renamed into it. Two that run at once share one download; one that was cut short goes on
 * with the packages it had.
 */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { holdFile } from '../../kit/file-lock.ts'
import { runTool } from '../../kit/tool.ts'
import { debFilesIn, PrivateApt } from './apt.ts'
import type { PackageName } from './catalogue.ts'
import { PACKAGES } from './catalogue.ts'
import type { DebRecord } from './debs.ts'
import { withLibraries } from './debs.ts'
import type { InstalledPackage, PackageManifest } from './installed.ts'
import { readPackage, upstreamVersion } from './installed.ts'

export interface InstallOptions {
  /** Where they go. */
  readonly dir: string
  /** Address of a Debian mirror; absent: the one this machine's apt uses. */
  readonly mirror?: string
  readonly allowUnsigned: boolean
  /** For tests; Debian's own where absent. */
  readonly keyring?: string
  /** Fetch again what is there, for its newest version. */
  readonly isUpgrade: boolean
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

export interface Installation {
  readonly name: PackageName
  readonly state: 'installed' | 'already-there'
  readonly dir: string
  readonly manifest: PackageManifest
}

/** @throws HeadroomError ENGINE_MISSING, DISK_FULL; what is there already needs neither apt nor a network */
export async function installPackages(
  names: readonly PackageName[],
  options: InstallOptions,
): Promise<readonly Installation[]> {
  const { dir, isUpgrade, signal, log } = options
  const missing = names.filter((name) => isUpgrade || readPackage(join(dir, name), name) === null)
  if (missing.length === 0) return names.map((name) => alreadyThere(name, dir))
  using _held = await holdFile(join(dir, 'install.lock'), {
    signal,
    onWait: (pid) => {
      log(`another command (pid ${String(pid)}) installs engines; waiting for it …`)
    },
  })
  const installed = new Set<PackageName>()
  // Asked again: whoever was before us may have brought it.
  const still = missing.filter((name) => isUpgrade || readPackage(join(dir, name), name) === null)
  if (still.length > 0) {
    const work = join(dir, '.fetching')
    log(`reading Debian’s index through this machine’s apt …`)
    const apt = await PrivateApt.open({ ...options, dir: join(work, 'apt') })
    for (const name of still) {
      await installOne(name, apt, { ...options, work })
      installed.add(name)
    }
    rmSync(work, { recursive: true, force: true })
  }
  return names.map((name) => ({
    ...alreadyThere(name, dir),
    ...(installed.has(name) ? { state: 'installed' } : {}),
  }))
}

function alreadyThere(name: PackageName, dir: string): Installation {
  const place = join(dir, name)
  const found = readPackage(place, name)
  if (found !== null) return { name, state: 'already-there', dir: place, manifest: found.manifest }
  throw new HeadroomError('ENGINE_MISSING', `${place} was removed while it was installed`)
}

async function installOne(
  name: PackageName,
  apt: PrivateApt,
  options: InstallOptions & { readonly work: string },
): Promise<void> {
  const { dir, work, log } = options
  const { roots } = PACKAGES[name]
  const debs = await withLibraries(roots, (wanted) => apt.records(wanted))
  const main = debs.find((deb) => deb.name === roots[0])
  if (main === undefined) {
    throw new HeadroomError('ENGINE_MISSING', `the Debian mirror has no package ${roots[0]}`, {
      hint: `${PACKAGES[name].otherwise}; or name another mirror with --mirror`,
    })
  }
  log(
    `${name}: fetching ${main.name} ${main.version} and ${String(debs.length - 1)} packages it needs …`,
  )
  const files = await fetchAll(debs, apt, join(work, 'debs'))
  const next = join(work, `${name}.new`)
  rmSync(next, { recursive: true, force: true })
  mkdirSync(join(next, 'root'), { recursive: true })
  await unpack(files, join(next, 'root'), options.signal)
  const manifest: PackageManifest = {
    schema: 1,
    name,
    version: main.version,
    architecture: apt.architecture,
    installedAt: new Date().toISOString(),
    signature: apt.signature,
    debs: debs.map((deb) => ({ name: deb.name, version: deb.version, sha256: deb.sha256 })),
  }
  writeFileSync(join(next, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  requireWhole(name, readPackage(next, name))
  moveInto(next, join(dir, name), join(work, `${name}.old`))
  log(`${name}: ${upstreamVersion(main.version)} is in ${join(dir, name)}`)
}

/** Packages that an earlier, interrupted call left are used if they are whole. */
async function fetchAll(
  debs: readonly DebRecord[],
  apt: PrivateApt,
  folder: string,
): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true })
  const missing: DebRecord[] = []
  for (const deb of debs) if ((await wholeFile(deb, folder)) === null) missing.push(deb)
  await apt.download(missing, folder)
  const files: string[] = []
  for (const deb of debs) {
    const file = await wholeFile(deb, folder)
    if (file === null) {
      const message = `${deb.name} ${deb.version} did not arrive as Debian’s index describes it`
      throw new HeadroomError('ENGINE_MISSING', message, { hint: 'try again' })
    }
    files.push(file)
  }
  return files
}

async function wholeFile(deb: DebRecord, folder: string): Promise<string | null> {
  // apt writes the colon of an epoch as %3a.
  const start = `${deb.name}_${deb.version.replaceAll(':', '%3a')}_`
  const file = debFilesIn(folder).find((name) => name.startsWith(start))
  if (file === undefined) return null
  const path = join(folder, file)
  if ((await sha256Of(path)) === deb.sha256) return path
  rmSync(path, { force: true })
  return null
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function unpack(files: readonly string[], root: string, signal: AbortSignal): Promise<void> {
  try {
    for (const file of files) await runTool('dpkg-deb', ['--extract', file, root], { signal })
  } catch (error) {
    signal.throwIfAborted()
    const isFull = /no space left/i.test(messageOf(error))
    throw new HeadroomError(
      isFull ? 'DISK_FULL' : 'ENGINE_MISSING',
      `packages cannot be unpacked: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

function requireWhole(name: PackageName, found: InstalledPackage | null): void {
  if (found !== null) return
  throw new HeadroomError(
    'ENGINE_MISSING',
    `Debian’s packages of ${name} hold no ${PACKAGES[name].provides}`,
    { hint: PACKAGES[name].otherwise },
  )
}

/** What runs from the old folder keeps its open files. */
function moveInto(next: string, place: string, aside: string): void {
  rmSync(aside, { recursive: true, force: true })
  if (existsSync(place)) renameSync(place, aside)
  renameSync(next, place)
  rmSync(aside, { recursive: true, force: true })
}
