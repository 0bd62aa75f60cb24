// Makes the checkout ready to run: packages installed, sources compiled; in CI, where nothing may be skipped, every engine
// there. Plain Node without dependencies, because nothing is installed yet when it runs (prestart, pretest). Does nothing,
// quickly, when there is nothing to do.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MIN = [20, 19]
const LOCK_WAIT_MS = 20 * 60_000
const TAKEOVER_STALE_MS = 10_000
const SOURCE_FOLDERS = ['src', 'reference-impl', 'bench']
const BUILD_FILES = ['package.json', 'tsconfig.json', 'tsconfig.build.json']

const root = resolve(fileURLToPath(import.meta.url), '../..')
const stateDir = join(root, '.headroom')
const installMarker = join(root, 'node_modules', '.headroom-installed.json')
const buildMarker = join(root, 'dist', '.headroom-built.json')

/** A failure the user can act on: what, where, why, what to do. */
class Unready extends Error {}

try {
  checkNode()
  checkPlatform()
  if (staleInstall() !== null || staleBuild() !== null) {
    withLock(() => {
      // Asked again inside the lock: another `npm start` may have done it meanwhile.
      const install = staleInstall()
      if (install !== null) installPackages(install)
      if (staleBuild() !== null) build()
    })
  }
  if (process.env['HEADROOM_REQUIRE_ALL']) installEngines()
} catch (error) {
  if (!(error instanceof Unready)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 69
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  throw new Unready(
    `Headroom needs Node ${NODE_MIN.join('.')} or newer; this is ${process.version} (${process.execPath}).\n` +
      'Install a newer Node, then run the same command again.',
  )
}

function checkPlatform() {
  if (['linux', 'darwin'].includes(process.platform)) return
  throw new Unready(
    `Headroom runs on Linux and macOS; this is ${process.platform}: its engines are native Linux and macOS programs.\n` +
      'On Windows, run the same command inside WSL 2.',
  )
}

// ---- packages ----------------------------------------------------------------------------------------------------

/** Why packages must be installed, or null when they need not be. */
function staleInstall() {
  const lock = readText(join(root, 'package-lock.json'))
  if (!existsSync(join(root, 'node_modules'))) return 'packages are not installed yet'
  const marker = readJson(installMarker)
  if (marker !== null) {
    const wanted = installState(lock)
    if (marker.platform !== wanted.platform) return 'packages are for another platform'
    if (marker.nodeMajor !== wanted.nodeMajor) return 'packages were installed by another Node'
    return marker.lockSha256 === wanted.lockSha256 ? null : 'package-lock.json has changed'
  }
  // Someone ran npm by hand: believe npm's own note of what it installed.
  if (lock === null || !installedMatches(JSON.parse(lock))) return 'packages are incomplete'
  tryWrite(installMarker, installState(lock))
  return null
}

function installState(lock) {
  return {
    lockSha256: lock === null ? null : createHash('sha256').update(lock).digest('hex'),
    platform: `${process.platform}-${process.arch}${libc() === 'musl' ? '-musl' : ''}`,
    nodeMajor: Number(process.versions.node.split('.')[0]),
  }
}

function installedMatches(lock) {
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  if (installed === undefined) return false
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '' || wanted.link === true) return true
    if (installed[path]?.version === wanted.version) return true
    return wanted.optional === true && !isForHere(wanted)
  })
}

/** Optional packages name the platforms they are for; one that names none belongs to another optional one. */
function isForHere({ os, cpu, libc: libcs }) {
  if (os === undefined && cpu === undefined) return false
  const allows = (list, mine) => list === undefined || list.includes(mine)
  return allows(os, process.platform) && allows(cpu, process.arch) && allows(libcs, libc())
}

function libc() {
  if (process.platform !== 'linux') return null
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

function installPackages(reason) {
  const verb = existsSync(join(root, 'package-lock.json')) ? 'ci' : 'install'
  say(`${reason}: npm ${verb} (with PostgreSQL and ClickHouse; about 1 GB on disk) …`)
  const startedMs = Date.now()
  const logFile = join(stateDir, 'install.log')
  let result = runNpm([verb], logFile)
  if (result.status !== 0 && (readText(logFile) ?? '').includes('code EUSAGE')) {
    // A registry that lacks packages of other platforms makes `npm ci` refuse the lock; `install` still follows it.
    say(
      'npm ci refuses the lock with this registry; npm install --no-save follows it where it can …',
    )
    result = runNpm(['install', '--no-save'], logFile)
  }
  if (result.status !== 0) {
    throw new Unready(
      `npm ${verb} failed in ${root}${result.why}:\n${tail(logFile, 8)}\n` +
        `The whole output is in ${logFile}. Headroom uses your npm configuration (registry, proxy, certificates):\n` +
        'mend what npm names above, then run the same command again.',
    )
  }
  // npm may have written a lock, and may leave a platform's package out: the marker says that this was tried.
  tryWrite(installMarker, installState(readText(join(root, 'package-lock.json'))))
  say(`packages installed in ${seconds(startedMs)}`)
}

function runNpm(verb, logFile) {
  const [command, ...before] = npmCommand()
  // typescript is a devDependency and the build needs it, also where NODE_ENV=production makes npm leave it out.
  const args = [...verb, '--include=dev', '--include=optional', '--no-progress']
  return runLogged(command, [...before, ...args], logFile)
}

/** The npm that runs this script, so that its version and configuration are the user's. */
function npmCommand() {
  const entry = process.env['npm_execpath']
  if (entry !== undefined && /npm-cli\.c?js$/.test(entry)) return [process.execPath, entry]
  return ['npm']
}

// ---- build -------------------------------------------------------------------------------------------------------

/** Why the sources must be compiled, or null when dist is as new as they are. */
function staleBuild() {
  const marker = readJson(buildMarker)
  if (marker === null) return 'not compiled yet'
  if (!existsSync(join(root, 'dist', 'src', 'cli', 'main.js'))) return 'not compiled yet'
  return marker.sourcesSha256 === sourcesSha256(sourceFiles()) ? null : 'sources have changed'
}

function sourceFiles() {
  const files = [...BUILD_FILES]
  for (const folder of SOURCE_FOLDERS) {
    const top = join(root, folder)
    if (!existsSync(top)) continue
    for (const entry of readdirSync(top, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
      files.push(relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    }
  }
  return files.sort()
}

function sourcesSha256(files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const { mtimeMs, size } = statSync(join(root, file))
    hash.update(`${file} ${String(mtimeMs)} ${String(size)}\n`)
  }
  return hash.digest('hex')
}

function build() {
  const startedMs = Date.now()
  const files = sourceFiles()
  const sha256 = sourcesSha256(files)
  removeCompiledOf(readJson(buildMarker)?.files ?? [], files)

  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!existsSync(compiler)) {
    throw new Unready(
      `typescript is missing from ${join(root, 'node_modules')}: packages were installed without development packages.\n` +
        `Remove ${installMarker} and run the same command again.`,
    )
  }
  const logFile = join(stateDir, 'build.log')
  const result = runLogged(process.execPath, [compiler, '-p', 'tsconfig.build.json'], logFile)
  if (result.status !== 0) {
    throw new Unready(
      `tsc -p tsconfig.build.json failed in ${root}${result.why}:\n${head(logFile, 8)}\n` +
        `The whole output is in ${logFile}. Mend the sources named above, then run the same command again.`,
    )
  }
  makeExecutable(join(root, 'dist', 'src', 'cli', 'main.js'))
  writeFileSync(buildMarker, JSON.stringify({ sourcesSha256: sha256, files }))
  say(`compiled in ${seconds(startedMs)}`)
}

/** Where nothing may be skipped, engines that npm does not bring are needed too. Quick where they are there. */
function installEngines() {
  const logFile = join(stateDir, 'engines.log')
  const command = [join(root, 'dist', 'src', 'cli', 'main.js'), 'engines', 'install']
  const result = runLogged(process.execPath, command, logFile)
  if (result.status === 0) return
  throw new Unready(`headroom engines install failed${result.why}:\n${tail(logFile, 8)}`)
}

/** A source that is gone must not live on in dist. */
function removeCompiledOf(before, now) {
  const kept = new Set(now)
  for (const file of before) {
    if (kept.has(file) || !file.endsWith('.ts')) continue
    rmSync(join(root, 'dist', file.replace(/\.ts$/, '.js')), { force: true })
  }
}

function makeExecutable(file) {
  if (existsSync(file)) chmodSync(file, 0o755)
}

// ---- one at a time -----------------------------------------------------------------------------------------------

/** Two commands started at once: the second waits for the first and finds everything done. */
function withLock(work) {
  const lockFile = join(stateDir, 'ready.lock')
  try {
    mkdirSync(stateDir, { recursive: true })
  } catch (error) {
    throw new Unready(
      `cannot write to ${root} (${error.code}): packages and the build belong there.\n` +
        'Run as the owner of the folder, or clone into a folder of your own.',
    )
  }
  const untilMs = Date.now() + LOCK_WAIT_MS
  let told = false
  while (!tryLock(lockFile)) {
    const holder = Number(readText(lockFile) ?? 'NaN')
    if (Number.isInteger(holder) && !isAlive(holder)) {
      dropStaleLock(lockFile, holder)
      continue
    }
    if (!told) say(`another command (pid ${String(holder)}) is setting up; waiting for it …`)
    told = true
    if (Date.now() > untilMs) {
      throw new Unready(
        `waited 20 minutes for pid ${String(holder)}, which holds ${lockFile}.\n` +
          'If nothing is being set up, remove that file and run the same command again.',
      )
    }
    sleep(250)
  }
  try {
    work()
  } finally {
    unlinkSync(lockFile)
  }
}

function tryLock(lockFile) {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw new Unready(
      `cannot write ${lockFile} (${error.code}).\n` +
        'Run as the owner of the folder, or clone into a folder of your own.',
    )
  }
}

/** Removes the lock of a dead process; a guard folder keeps two waiters from removing each other's new lock. */
function dropStaleLock(lockFile, holder) {
  const guard = `${lockFile}.takeover`
  try {
    mkdirSync(guard)
  } catch {
    sleep(50)
    const ageMs = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (ageMs > TAKEOVER_STALE_MS) rmSync(guard, { recursive: true, force: true })
    return
  }
  if (readText(lockFile) === String(holder)) rmSync(lockFile, { force: true })
  rmdirSync(guard)
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

// ---- small things ------------------------------------------------------------------------------------------------

function runLogged(command, args, logFile) {
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'w')
  try {
    const { status, signal, error } = spawnSync(command, args, {
      cwd: root,
      stdio: ['ignore', log, log],
    })
    const why =
      error !== undefined ? ` (${error.message})` : signal !== null ? ` (stopped by ${signal})` : ''
    return { status, why }
  } finally {
    closeSync(log)
  }
}

function say(line) {
  process.stderr.write(`headroom: ${line}\n`)
}

function seconds(sinceMs) {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/** A marker that cannot be written costs time at the next start, nothing else. */
function tryWrite(file, value) {
  try {
    writeFileSync(file, JSON.stringify(value))
  } catch (error) {
    say(`cannot write ${file} (${error.code}); the next start checks again`)
  }
}

function linesOf(file) {
  return (readText(file) ?? '').split('\n').filter((line) => line.trim() !== '')
}

function head(file, count) {
  return linesOf(file).slice(0, count).join('\n')
}
function tail(file, count) {
  return linesOf(file).slice(-count).join('\n')
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
