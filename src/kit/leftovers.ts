/**
 * What an earlier Headroom that was killed left behind. In: the `.headroom` folder. Out: leftover processes ended,
 * leftover data and compose projects removed, and a list of all for the user. Only what a ledger recorded is touched, and only after pid,
 * start time and command line (or the folder's marker) agree.
 */
import { existsSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { plainDocker, removeProject } from './docker.ts'
import type { LedgerProject, LiveRecord } from './guardian.ts'
import { DATA_DIR_MARKER, liveDir } from './guardian.ts'
import type { Log } from './log.ts'
import { killTree } from './process-kill.ts'
import { isAlive } from './process-table.ts'

const DAEMON_PATIENCE_MS = 20_000

export interface CleanedRun {
  /** When the Headroom that was killed had started. */
  readonly startedAt: string
  readonly pid: number
  /** Names of daemons that this clean-up ended. */
  readonly ended: readonly string[]
  /** Names of daemons that the guardian had ended already. */
  readonly endedByGuardian: readonly string[]
  readonly removedDirs: readonly string[]
  /** Containers, networks and volumes of its compose projects. */
  readonly removedFromDocker: readonly string[]
  /** Compose projects that are still there, because their daemon does not answer. */
  readonly projectsLeft: readonly string[]
}

export interface CleanedUp {
  readonly runs: readonly CleanedRun[]
}

/** Cleans up behind every Headroom that is gone but did not say goodbye; those that still run are left alone. */
export async function cleanLeftovers(baseDir: string, log: Log): Promise<CleanedUp> {
  const runs: CleanedRun[] = []
  const dir = liveDir(baseDir)
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')) : []
  for (const name of names) {
    const file = join(dir, name)
    const record = readRecord(file)
    if (record === null) {
      log(`${file} is not a list of leftovers; remove it by hand`)
      continue
    }
    if (isAlive(record.owner)) continue
    const run = await cleanRun(record)
    // A project that is still there is tried again by the next command.
    if (run.projectsLeft.length === 0) rmSync(file, { force: true })
    log(describe(run))
    runs.push(run)
  }
  return { runs }
}

async function cleanRun(record: LiveRecord): Promise<CleanedRun> {
  const ended: string[] = []
  for (const entry of [...record.processes].reverse()) {
    if ((await killTree(entry.process)).length > 0) ended.push(entry.name)
  }
  const removedDirs: string[] = []
  for (const dir of record.dataDirs) {
    if (removeDataDir(dir)) removedDirs.push(dir)
  }
  const { startedAt, endedByGuardian, owner } = record
  const docker = await cleanProjects(record.projects ?? [])
  return { startedAt, pid: owner.pid, ended, endedByGuardian, removedDirs, ...docker }
}

/** One without its marker was just being made when its Headroom was killed: it is ours only while it is empty. */
function removeDataDir(dir: string): boolean {
  if (existsSync(join(dir, DATA_DIR_MARKER))) {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    return true
  }
  if (!existsSync(dir) || readdirSync(dir).length > 0) return false
  rmdirSync(dir)
  return true
}

async function cleanProjects(
  projects: readonly LedgerProject[],
): Promise<Pick<CleanedRun, 'removedFromDocker' | 'projectsLeft'>> {
  const removedFromDocker: string[] = []
  const projectsLeft: string[] = []
  for (const { name, env } of projects) {
    try {
      removedFromDocker.push(...(await removeProject(name, plainDocker(env, DAEMON_PATIENCE_MS))))
    } catch {
      projectsLeft.push(name)
    }
  }
  return { removedFromDocker, projectsLeft }
}

function describe(run: CleanedRun): string {
  const parts = [
    ...(run.endedByGuardian.length > 0
      ? [`its guardian had ended ${run.endedByGuardian.join(', ')}`]
      : []),
    ...(run.ended.length > 0 ? [`ended ${run.ended.join(', ')}`] : []),
    ...(run.removedDirs.length > 0 ? [`removed ${run.removedDirs.join(', ')}`] : []),
    ...(run.removedFromDocker.length > 0
      ? [`removed from Docker ${run.removedFromDocker.join(', ')}`]
      : []),
    ...(run.projectsLeft.length > 0
      ? [
          `Docker does not answer, so ${run.projectsLeft.join(', ')} may still be there: start Docker, then headroom clean`,
        ]
      : []),
  ]
  const what = parts.length > 0 ? parts.join('; ') : 'nothing was left of it'
  return `cleaned up after a run that was killed (pid ${String(run.pid)}, started ${run.startedAt}): ${what}`
}

/** null where the file is not a ledger of ours. */
function readRecord(file: string): LiveRecord | null {
  try {
    const record = JSON.parse(readFileSync(file, 'utf8')) as Partial<LiveRecord>
    const whole =
      record.schema === 1 && Array.isArray(record.processes) && Array.isArray(record.dataDirs)
    return whole ? (record as LiveRecord) : null
  } catch {
    return null
  }
}
