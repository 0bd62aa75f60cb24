/**
 * Headroom's children die with it, even when it is SIGKILLed. In: identities of daemons and folders of data, as they
 * come and go. Out: a small detached process that sees our end of a pipe close and kills what is still registered; and
 * a ledger on disk, so that the next command can say what was left and clean it up.
 */
import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DockerEnv } from './docker.ts'
import { compiledEntry } from './paths.ts'
import type { ProcessIdentity } from './process-table.ts'
import { identityOf } from './process-table.ts'

/** What the guardian is told, one JSON object a line. */
export type ToGuardian =
  | { readonly type: 'watch'; readonly name: string; readonly process: ProcessIdentity }
  | { readonly type: 'unwatch'; readonly pid: number }
  | { readonly type: 'watch-project'; readonly project: LedgerProject }
  | { readonly type: 'unwatch-project'; readonly name: string }
  | { readonly type: 'ledger'; readonly file: string | null }

export interface LedgerProcess {
  readonly name: string
  readonly process: ProcessIdentity
}

/** A compose project of a run, and how its daemon is found. */
export interface LedgerProject {
  readonly name: string
  readonly env: DockerEnv
}

/** `.headroom/live/<pid>-<start>.json`: what one Headroom process has running and where its data lies. */
export interface LiveRecord {
  readonly schema: 1
  readonly owner: ProcessIdentity
  readonly startedAt: string
  readonly processes: readonly LedgerProcess[]
  readonly dataDirs: readonly string[]
  /** Absent in ledgers of a Headroom that knew no compose. */
  readonly projects?: readonly LedgerProject[]
  /** Written by the guardian after it ended them. */
  readonly endedByGuardian: readonly string[]
}

/** A folder is removed by a later command only if it holds this file, whatever a ledger says. */
export const DATA_DIR_MARKER = '.headroom-data'

const RESTARTS_MAX = 3

const watched = new Map<number, LedgerProcess>()
const dataDirs = new Set<string>()
const projects = new Map<string, LedgerProject>()
let pipe: Writable | null = null
let restarts = 0
let ledgerFile: string | null = null
let startedAt = ''

export function liveDir(baseDir: string): string {
  return join(baseDir, 'live')
}

/**
 * From now on what runs is also written to `<baseDir>/live/`; disposing the ledger removes the file.
 * @param baseDir the `.headroom` folder, the same one that `cleanLeftovers` is asked about
 */
export function openLedger(baseDir: string): AsyncDisposable {
  const owner = self()
  mkdirSync(liveDir(baseDir), { recursive: true })
  const start = owner.start.replace(/[^\w]+/g, '-')
  ledgerFile = join(liveDir(baseDir), `${String(owner.pid)}-${start}.json`)
  startedAt = new Date().toISOString()
  writeLedger()
  tell({ type: 'ledger', file: ledgerFile })
  return {
    [Symbol.asyncDispose]: () => {
      // What could not be taken down stays written down, for the next command.
      if (ledgerFile !== null && projects.size === 0) rmSync(ledgerFile, { force: true })
      ledgerFile = null
      tell({ type: 'ledger', file: null })
      return Promise.resolve()
    },
  }
}

/** Called right after a daemon was spawned: from here on it ends with this process. */
export function watchProcess(name: string, process: ProcessIdentity): void {
  watched.set(process.pid, { name, process })
  tell({ type: 'watch', name, process })
  writeLedger()
}

export function unwatchProcess(pid: number): void {
  if (!watched.delete(pid)) return
  tell({ type: 'unwatch', pid })
  writeLedger()
}

/** Called before anything of a compose project is made: from here on its containers end with this process. */
export function watchProject(project: LedgerProject): void {
  projects.set(project.name, project)
  tell({ type: 'watch-project', project })
  writeLedger()
}

/** Called when nothing of it is left. */
export function unwatchProject(name: string): void {
  if (!projects.delete(name)) return
  tell({ type: 'unwatch-project', name })
  writeLedger()
}

/** Makes a folder for data that must not outlive the run; a later command removes it if this process cannot. */
export function claimDataDir(dir: string): void {
  dataDirs.add(dir)
  writeLedger()
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, DATA_DIR_MARKER), `${String(process.pid)}\n`)
}

/** Removes a claimed folder with everything in it. */
export function releaseDataDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  dataDirs.delete(dir)
  writeLedger()
}

/** Starts the guardian ahead of the first daemon, so that not even the first one can be orphaned. */
export function ensureGuardian(): void {
  pipe ??= startGuardian()
}

function startGuardian(): Writable | null {
  const entry = compiledEntry('src/kit/guardian-main.ts')
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run npm run build`)
  // Detached: Ctrl-C in the terminal reaches us, not the one who cleans up behind us.
  const child = spawn(process.execPath, ['--max-old-space-size=32', entry], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: dirname(entry),
    env: {},
  })
  const stdin = child.stdin
  // The guardian is gone: `exit` below starts another one.
  stdin.on('error', () => undefined)
  child.on('error', () => undefined)
  child.on('exit', () => {
    pipe = null
    restarts += 1
    if (watched.size + projects.size === 0 || restarts > RESTARTS_MAX) return
    pipe = startGuardian()
    tell({ type: 'ledger', file: ledgerFile })
    for (const entry of watched.values()) tell({ type: 'watch', ...entry })
    for (const project of projects.values()) tell({ type: 'watch-project', project })
  })
  // Neither the guardian nor the pipe to it keeps this process alive.
  child.unref()
  ;(stdin as Writable & { unref?: () => void }).unref?.()
  return stdin
}

function tell(message: ToGuardian): void {
  ensureGuardian()
  pipe?.write(`${JSON.stringify(message)}\n`)
}

function self(): ProcessIdentity {
  const identity = identityOf(process.pid)
  if (identity === null) throw new Error('cannot read the identity of this process')
  return identity
}

/** Whole file by rename, so that a reader never sees half of it. */
function writeLedger(): void {
  if (ledgerFile === null) return
  const record: LiveRecord = {
    schema: 1,
    owner: self(),
    startedAt,
    processes: [...watched.values()],
    dataDirs: [...dataDirs],
    projects: [...projects.values()],
    endedByGuardian: [],
  }
  const next = `${ledgerFile}.${String(process.pid)}.new`
  writeFileSync(next, JSON.stringify(record, null, 2), { mode: 0o600 })
  renameSync(next, ledgerFile)
}
